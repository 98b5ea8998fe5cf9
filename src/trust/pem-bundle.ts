import type { AddedCertificates } from './added-certificates.ts';
import { parseAuthorities, withoutKnown, type Authority } from './authorities.ts';

/** Readers of PEM pass over lines outside of certificates. These tell ours from all others. */
const FIRST_LINE = '# Certificate authorities of the build, in no image\n';
const LAST_LINE = '# End of the certificate authorities of the build\n';

/** Adds authorities to a PEM bundle. Undefined when it has all of them already. */
export function addToPem(
  own: Buffer,
  authorities: readonly Authority[],
): AddedCertificates | undefined {
  const text = own.toString('latin1');
  const missing = withoutKnown(authorities, parseAuthorities([text]));
  if (missing.length === 0) return undefined;
  const block = FIRST_LINE + missing.map(({ pem }) => pem).join('') + LAST_LINE;
  const lineFeed = text === '' || text.endsWith('\n') ? '' : '\n';
  const combined = text + lineFeed + block;
  return {
    combined: Buffer.from(combined, 'latin1'),
    strip: (content) => {
      const found = content.toString('latin1');
      if (!found.includes(block)) return undefined;
      // With what stood before it, the line feed that was not there goes as well.
      const rest = found.split(combined).join(text).split(block).join('');
      return Buffer.from(rest, 'latin1');
    },
  };
}
