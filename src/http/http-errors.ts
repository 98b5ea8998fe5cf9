/**
 * How the owner of a transport words its failures. A registry and a download that was named in a
 * Dockerfile fail alike, and are told of differently.
 */
export interface HttpErrors {
  /** No connection, or one that broke. `host` is host and port. */
  unreachable(host: string, found: string, details: FaultDetails): Error;
  /** The certificate is not one to trust. */
  untrusted(host: string, found: string): Error;
  /** An answer that cannot be used. `what` is a verb: `follow`, `read`. */
  failed(host: string, what: string, found: string): Error;
}

/** What else is known of a fault. */
export interface FaultDetails {
  readonly cause?: unknown;
  /** One thing the user can do, where the fault itself tells. */
  readonly hint?: string | undefined;
}
