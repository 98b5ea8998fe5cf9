import { BuildError } from '../diagnostics/build-error.ts';

/** A file of a frozen snapshot is not what it was: somebody wrote to the store. */
export function layerChanged(path: string): BuildError {
  return new BuildError({
    code: 'LAYER_CHANGED',
    class: 'host',
    message: `Cannot read "${path}" of the store: it is not the file that it was`,
    hint: 'Nothing but Stagecraft may write to the store; build again with --no-cache',
  });
}

/** A tar archive breaks the rules in a way that would give other files to other tools. */
export function badTar(found: string): BuildError {
  return new BuildError({
    code: 'TAR_INVALID',
    class: 'input',
    message: `Cannot read tar archive: ${found}`,
    hint: undefined,
  });
}

/** A layer's entry asks for something that no image may ask for. */
export function badLayerEntry(name: string, found: string, cause?: unknown): BuildError {
  return new BuildError({
    code: 'LAYER_ENTRY_REFUSED',
    class: 'input',
    message: `Cannot unpack "${shortened(name)}": ${found}`,
    hint: undefined,
    cause,
  });
}

/** A layer is larger than any real one, or grows suspiciously when decompressed. */
export function layerTooLarge(found: string): BuildError {
  return new BuildError({
    code: 'LAYER_TOO_LARGE',
    class: 'input',
    message: `Cannot unpack layer: ${found}`,
    hint: undefined,
  });
}

/** The uncompressed bytes are not those that the image config promises. */
export function wrongDiffId(expected: string, found: string): BuildError {
  return new BuildError({
    code: 'DIFF_ID_MISMATCH',
    class: 'registry',
    message: `Cannot unpack layer: its diff id is "${found}", the image config says "${expected}"`,
    hint: 'Pull the image again; if it stays so, the image is broken',
  });
}

/** Compressed bytes cannot be read. */
export function badCompression(found: string, hint: string | undefined): BuildError {
  return new BuildError({
    code: 'COMPRESSION_INVALID',
    class: 'input',
    message: `Cannot decompress layer: ${found}`,
    hint,
  });
}

/** Chars of a stranger's name in a message. */
const MAX_NAME_CHARS = 200;

/** A name that a message can hold: no control characters, and cut in the middle when it is very long. */
export function shortened(name: string): string {
  const clean = name.replace(/\p{Cc}/gu, '?');
  if (clean.length <= MAX_NAME_CHARS) return clean;
  return `${clean.slice(0, MAX_NAME_CHARS / 2)}…${clean.slice(-MAX_NAME_CHARS / 2)}`;
}

/** Nothing on this host can compress with zstd. */
export function noZstd(): BuildError {
  return new BuildError({
    code: 'ZSTD_UNAVAILABLE',
    class: 'host',
    message:
      'Cannot compress with zstd: this Node, libzstd and the program zstd are all without it',
    hint: 'Install zstd, use Node 22.15 or newer, or export with compression=gzip',
  });
}
