import type { HttpErrors } from '../http/http-errors.ts';

/** Failures of a transport as plain errors: the kind, then what was found. */
export const PLAIN_HTTP_ERRORS: HttpErrors = {
  unreachable: (_, found, { cause }) => new Error(`unreachable: ${found}`, { cause }),
  untrusted: (_, found) => new Error(`untrusted: ${found}`),
  failed: (_, what, found) => new Error(`cannot ${what}: ${found}`),
};
