import type { AddedCertificates } from './added-certificates.ts';
import { withoutKnown, type Authority } from './authorities.ts';
import { readDer, writeDer, type DerElement } from './der.ts';

/**
 * PKCS #12 (RFC 7292) as Java 18 and later keep their authorities: one part with certificate bags, neither
 * encrypted nor with a digest. Stores with a password are their users' own and are left alone.
 */
const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const OCTETS = 0x04;
const IDENTIFIER = 0x06;
const BMP_STRING = 0x1e;
const EXPLICIT = 0xa0;

/** pkcs-7 data. */
const DATA = writeDer(IDENTIFIER, Buffer.from('2a864886f70d010701', 'hex'));
/** pkcs-12-certBag. */
const CERTIFICATE_BAG = writeDer(IDENTIFIER, Buffer.from('2a864886f70d010c0a0103', 'hex'));
/** x509Certificate of PKCS #9. */
const X509 = writeDer(IDENTIFIER, Buffer.from('2a864886f70d01091601', 'hex'));
const FRIENDLY_NAME = writeDer(IDENTIFIER, Buffer.from('2a864886f70d010914', 'hex'));
/** Oracle's mark of trusted certificates (2.16.840.1.113894.746875.1.1), and "for any use". */
const TRUSTED_USE = writeDer(IDENTIFIER, Buffer.from('6086480186f966adca7b0101', 'hex'));
const ANY_USE = writeDer(IDENTIFIER, Buffer.from('551d2500', 'hex'));
/** In the name of each bag that we add, to find it again. */
const ALIAS = 'authority of the build, in no image';
const ALIAS_BYTES = Buffer.from(ALIAS, 'utf16le').swap16();

/**
 * Adds authorities to a store. Undefined when it has all of them already, or is not of the kind that
 * comes with Java.
 */
export function addToPkcs12(
  own: Buffer,
  authorities: readonly Authority[],
): AddedCertificates | undefined {
  const bags = readBags(own);
  if (bags === undefined) return undefined;
  const known = bags.flatMap((bag) => {
    const der = certificateOf(bag);
    return der === undefined ? [] : [{ pem: '', der }];
  });
  const missing = withoutKnown(authorities, known);
  if (missing.length === 0) return undefined;
  const combined = writeStore([...bags.map(({ bytes }) => bytes), ...missing.map(bagOf)]);
  return {
    combined,
    strip: (content) => {
      if (content.equals(combined)) return own;
      const found = readBags(content) ?? [];
      const kept = found.filter(({ bytes }) => !bytes.includes(ALIAS_BYTES));
      if (kept.length === found.length) return undefined;
      return writeStore(kept.map(({ bytes }) => bytes));
    },
  };
}

/** The bags of a store without password; undefined for any other content. */
function readBags(store: Buffer): readonly DerElement[] | undefined {
  const parts = inner(readDer(store), SEQUENCE);
  // Version and content; a third part would be a digest.
  if (parts?.length !== 2 || parts[0]?.tag !== INTEGER) return undefined;
  const infos = inner(dataOf(parts[1]), SEQUENCE);
  if (infos?.length !== 1) return undefined;
  return inner(dataOf(infos[0]), SEQUENCE);
}

/** What is in a ContentInfo of type data. */
function dataOf(info: DerElement | undefined): readonly DerElement[] | undefined {
  if (info?.tag !== SEQUENCE) return undefined;
  const [type, content] = readDer(info.content) ?? [];
  if (type?.bytes.equals(DATA) !== true || content?.tag !== EXPLICIT) return undefined;
  const [octets] = readDer(content.content) ?? [];
  return octets?.tag === OCTETS ? readDer(octets.content) : undefined;
}

/** The elements in the one element of this tag. */
function inner(
  elements: readonly DerElement[] | undefined,
  tag: number,
): readonly DerElement[] | undefined {
  const [only, ...rest] = elements ?? [];
  return only?.tag === tag && rest.length === 0 ? readDer(only.content) : undefined;
}

/** Bag → [0] CertBag → [0] OCTET STRING → certificate. */
function certificateOf(bag: DerElement): Buffer | undefined {
  const [type, value] = readDer(bag.content) ?? [];
  if (type?.bytes.equals(CERTIFICATE_BAG) !== true || value === undefined) return undefined;
  const [, certificate] = inner(readDer(value.content), SEQUENCE) ?? [];
  if (certificate === undefined) return undefined;
  return readDer(certificate.content)?.[0]?.content;
}

function bagOf({ der }: Authority, index: number): Buffer {
  const value = writeDer(SEQUENCE, X509, writeDer(EXPLICIT, writeDer(OCTETS, der)));
  const name = Buffer.from(`${ALIAS} ${String(index + 1)}`, 'utf16le').swap16();
  const attributes = writeDer(
    SET,
    writeDer(SEQUENCE, FRIENDLY_NAME, writeDer(SET, writeDer(BMP_STRING, name))),
    writeDer(SEQUENCE, TRUSTED_USE, writeDer(SET, ANY_USE)),
  );
  return writeDer(SEQUENCE, CERTIFICATE_BAG, writeDer(EXPLICIT, value), attributes);
}

function writeStore(bags: readonly Buffer[]): Buffer {
  const info = contentInfo(writeDer(SEQUENCE, ...bags));
  const version = writeDer(INTEGER, Buffer.from([3]));
  return writeDer(SEQUENCE, version, contentInfo(writeDer(SEQUENCE, info)));
}

function contentInfo(content: Buffer): Buffer {
  return writeDer(SEQUENCE, DATA, writeDer(EXPLICIT, writeDer(OCTETS, content)));
}
