/** Where the result of a build goes: one `-o` value, read by `parseOutput`. */
export type Output =
  | ArchiveOutput
  /** The files of the image. */
  | { readonly type: 'local'; readonly dest: string }
  | { readonly type: 'tar'; readonly dest: string }
  /** The local store, and a registry when `push` is set. `names` are as written. */
  | ({
      readonly type: 'image';
      readonly names: readonly string[];
      readonly push: boolean;
    } & EncodingOptions);

/** An image as an OCI layout, or in the form that `docker load` takes. */
export interface ArchiveOutput extends EncodingOptions {
  readonly type: 'oci' | 'docker';
  /** File or directory; `-` is standard output. */
  readonly dest: string;
  /** References in addition to the build's tags, as written. */
  readonly names: readonly string[];
  /** False writes the layout as a directory. */
  readonly isTar: boolean;
}

/** How the blobs of an image are made and called. */
export interface EncodingOptions {
  readonly compression: Compression;
  /** False names media types as Docker does. */
  readonly ociMediaTypes: boolean;
}

/** How layers that this build added are stored in an image. */
export type Compression =
  | { readonly kind: 'uncompressed' }
  /** `level` is 0 (stored) to 9 (smallest). */
  | { readonly kind: 'gzip'; readonly level: number };
