/** Replaced by its value when the program is bundled (scripts/build.mjs). */
declare const STAGECRAFT_VERSION: string | undefined;

/** The version of package.json; `source` when the program was not built. */
export const VERSION = typeof STAGECRAFT_VERSION === 'string' ? STAGECRAFT_VERSION : 'source';
