/**
 * URLs as they may be shown and kept. A user part (`https://user:token@host`) and values of the query
 * that are named like secrets are replaced. Works on text around URLs too, and never needs to
 * understand one: what cannot be told apart is hidden.
 */
export function withoutCredentials(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#'"]*@/gi, '$1***@')
    .replace(
      /([?&;][^=&\s#]*(?:token|secret|sig|signature|password|key|auth|credential)[^=&\s#]*=)[^&\s#'"]+/gi,
      '$1***',
    )
    .replace(/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, '$1 ***');
}
