/** A certificate authority that steps are to trust. */
export interface Authority {
  /** The certificate in PEM form, with a line feed at its end. */
  readonly pem: string;
  /** The same certificate as bytes. */
  readonly der: Buffer;
}

/** The certificates in texts of PEM form, each once, in order. What stands between them is left out. */
export function parseAuthorities(texts: readonly string[]): readonly Authority[] {
  const found = new Map<string, Authority>();
  for (const text of texts) {
    for (const [, body = ''] of text.matchAll(CERTIFICATE)) {
      const base64 = body.replace(/\s+/g, '');
      if (found.has(base64)) continue;
      const lines = base64.match(/.{1,64}/g) ?? [];
      const pem = `${BEGIN}\n${lines.join('\n')}\n${END}\n`;
      found.set(base64, { pem, der: Buffer.from(base64, 'base64') });
    }
  }
  return [...found.values()];
}

/** Those of `given` that are not in `known`. */
export function withoutKnown(
  given: readonly Authority[],
  known: readonly Authority[],
): readonly Authority[] {
  const ders = new Set(known.map(({ der }) => der.toString('latin1')));
  return given.filter(({ der }) => !ders.has(der.toString('latin1')));
}

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g;
