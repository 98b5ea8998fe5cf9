declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** `sha256:` + 64 lower-case hex digits, over exactly the bytes that are stored or sent. */
export type Digest = Brand<string, 'Digest'>;

/** Digest of a layer's *uncompressed* tar. Listed in the image config; never in a manifest. */
export type DiffId = Brand<string, 'DiffId'>;

/** Identity of a stack of layers, bottom to top (OCI image-spec config.md, "Layer ChainID"). */
export type ChainId = Brand<string, 'ChainId'>;

const SHA256 = /^sha256:[0-9a-f]{64}$/;

/** Narrows text from outside (JSON, a header, argv). Undefined, so the caller can say where it came from. */
export function parseDigest(text: string): Digest | undefined {
  return SHA256.test(text) ? (text as Digest) : undefined;
}

/** Like `parseDigest`, for the `diff_ids` of a config. */
export function parseDiffId(text: string): DiffId | undefined {
  return SHA256.test(text) ? (text as DiffId) : undefined;
}

/** The 64 hex digits without the algorithm, as used in file names. */
export function hexOf(digest: Digest | DiffId | ChainId): string {
  return digest.slice('sha256:'.length);
}
