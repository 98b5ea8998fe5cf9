/** Where the result of a build goes: one `-o` value, read by `parseOutput`. */
export type Output =
  | ArchiveOutput
  | ImageOutput
  | FilesOutput
  /** Nothing is written: the steps run, and their results stay in the cache. */
  | { readonly type: 'cacheonly' };

/** The files of the image, in a directory or an archive. */
export interface FilesOutput {
  readonly type: 'local' | 'tar';
  readonly dest: string;
  /** Each platform has a directory of its own. Undefined: where there are several. */
  readonly isSplit: boolean | undefined;
}

/** The local store, a registry, or both. */
export interface ImageOutput extends EncodingOptions {
  readonly type: 'image';
  /** As written. */
  readonly names: readonly string[];
  readonly push: boolean;
  /** The registry gets the image under its digest alone. */
  readonly pushesByDigest: boolean;
  /** The registries of `names` may be reached over plain HTTP and without checking certificates. */
  readonly isInsecure: boolean;
  /** Whether the local store gets the image; `when-here`: unless its layers would have to be fetched for that. */
  readonly storing: 'always' | 'when-here' | 'never';
  /** The metadata file names the image with its digest. */
  readonly isNameCanonical: boolean;
}

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
  /** Layers that are here in another form, such as those of the base image, are compressed anew. */
  readonly forcesCompression: boolean;
  /** False names media types as Docker does. */
  readonly ociMediaTypes: boolean;
  readonly annotations: readonly Annotation[];
}

/** How layers that this build added are stored in an image. */
export type Compression =
  | { readonly kind: 'uncompressed' }
  /** `level` is 0 (stored) to 9 (smallest). */
  | { readonly kind: 'gzip'; readonly level: number }
  /** `level` is 1 (fastest) to 22 (smallest). */
  | { readonly kind: 'zstd'; readonly level: number };

/** A note on a manifest, on an index, or on the descriptor that leads to one. */
export interface Annotation {
  readonly on: 'manifest' | 'manifest-descriptor' | 'index' | 'index-descriptor';
  /** `linux/amd64`: only the manifest of that platform; undefined: all. */
  readonly platform: string | undefined;
  readonly key: string;
  readonly value: string;
}

/** Takes a quarter less time than 6, and makes layers half a percent larger: programs, sources and documents. */
export const DEFAULT_GZIP_LEVEL = 5;
/** Like BuildKit and Docker: what every reader knows. */
const DEFAULT_COMPRESSION: Compression = { kind: 'gzip', level: DEFAULT_GZIP_LEVEL };

/** How images are written where nobody says. */
export const DEFAULT_ENCODING: EncodingOptions = {
  compression: DEFAULT_COMPRESSION,
  forcesCompression: false,
  ociMediaTypes: true,
  annotations: [],
};
