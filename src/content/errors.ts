import { BuildError } from '../diagnostics/build-error.ts';

/** A blob that was expected to be here is not. */
export function blobNotFound(digest: string): BuildError {
  return new BuildError({
    code: 'BLOB_NOT_FOUND',
    class: 'host',
    message: `Cannot read blob "${digest}": it is not in the store`,
  });
}

/** A stored blob does not have the bytes that its name promises. */
export function blobCorrupt(digest: string, found: string): BuildError {
  return new BuildError({
    code: 'BLOB_CORRUPT',
    class: 'host',
    message: `Cannot read blob "${digest}": ${found}`,
    hint: 'Remove the file and build again; the blob is then fetched or made anew.',
  });
}

/** A blob that is read into memory is larger than such a blob may be. */
export function blobTooLarge(digest: string, size: number, maxBytes: number): BuildError {
  return new BuildError({
    code: 'BLOB_TOO_LARGE',
    class: 'input',
    message: `Cannot read blob "${digest}": it has ${size} bytes, at most ${maxBytes} are allowed`,
  });
}

/** The bytes that came are not the ones that were promised. */
export function blobDigestMismatch(expected: string, found: string): BuildError {
  return new BuildError({
    code: 'BLOB_DIGEST_MISMATCH',
    class: 'registry',
    message: `Cannot store blob "${expected}": its bytes have the digest "${found}"`,
  });
}

/** More or fewer bytes came than were promised. `found` is a lower bound when the stream was cut off. */
export function blobSizeMismatch(digest: string, expected: number, found: string): BuildError {
  return new BuildError({
    code: 'BLOB_SIZE_MISMATCH',
    class: 'registry',
    message: `Cannot store blob "${digest}": expected ${expected} bytes, found ${found}`,
  });
}
