import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProcess } from '../host/child-process.ts';
import { makeAuthorities } from '../testing/authorities.ts';
import { OPENSSL } from '../testing/certificates.ts';
import type { AddedCertificates } from './added-certificates.ts';
import { parseAuthorities, withoutKnown, type Authority } from './authorities.ts';
import { addToJavaKeyStore, createJavaKeyStore } from './java-key-store.ts';
import { addToPem } from './pem-bundle.ts';
import { addToPkcs12 } from './pkcs12-store.ts';

let dir: string;
let image: Authority;
let other: Authority;
let given: Authority;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-trust-'));
  const made = await makeAuthorities(dir, ['image', 'other', 'given']);
  [image, other, given] = made as [Authority, Authority, Authority];
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

function combine(added: AddedCertificates | undefined): AddedCertificates {
  if (added === undefined) throw new Error('Nothing was added');
  return added;
}

describe('authorities', () => {
  test('are found between other text, each once, and written with lines of 64', () => {
    const oneLine = image.pem.replace(/\n(?!-)/g, '').replace('CATE-----', 'CATE-----\n');
    const found = parseAuthorities([`# Root\n${oneLine}junk\r\n${given.pem}`, image.pem]);
    expect(found).toEqual([image, given]);
  });

  test('are told apart by their bytes', () => {
    expect(withoutKnown([image, given], [{ pem: '', der: image.der }])).toEqual([given]);
  });
});

/** As Java 18 and later have it: no password, nothing encrypted. */
async function makePkcs12(authorities: readonly Authority[]): Promise<Buffer> {
  const input = authorities.map(({ pem }) => pem).join('');
  const plain = ['-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac'];
  const args = ['pkcs12', '-export', '-nokeys', ...plain, '-passout', 'pass:'];
  const request = { program: OPENSSL ?? '', args, input };
  const { stdout, stderr } = await runProcess(request, new AbortController().signal);
  if (stdout.length === 0) throw new Error(stderr.toString());
  return stdout;
}

/** What another reader of the format finds. */
async function listPkcs12(store: Buffer): Promise<readonly Authority[]> {
  const args = ['pkcs12', '-nokeys', '-nomacver', '-passin', 'pass:'];
  const request = { program: OPENSSL ?? '', args, input: store };
  const { stdout } = await runProcess(request, new AbortController().signal);
  return parseAuthorities([stdout.toString()]);
}

interface Kind {
  readonly name: string;
  readonly make: (authorities: readonly Authority[]) => Buffer | Promise<Buffer>;
  readonly add: (own: Buffer, authorities: readonly Authority[]) => AddedCertificates | undefined;
}

const KINDS: readonly Kind[] = [
  {
    name: 'a PEM bundle',
    make: (authorities) => Buffer.from(authorities.map(({ pem }) => pem).join('')),
    add: addToPem,
  },
  { name: 'a Java key store', make: createJavaKeyStore, add: addToJavaKeyStore },
  { name: 'a PKCS #12 store', make: makePkcs12, add: addToPkcs12 },
];

describe.each(KINDS)('$name', ({ make, add }) => {
  test('takes what it does not have', async () => {
    const { combined } = combine(add(await make([image]), [image, given]));
    expect(add(combined, [image, given])).toBeUndefined();
  });

  test('is left alone when it has all of them', async () => {
    expect(add(await make([image, given]), [given])).toBeUndefined();
  });

  test('is what it was when ours are taken out again', async () => {
    const own = await make([image]);
    const added = combine(add(own, [given]));
    expect(added.strip(added.combined)).toEqual(own);
    expect(added.strip(own)).toBeUndefined();
  });

  test('keeps those of the image in a file that the step wrote anew', async () => {
    const added = combine(add(await make([image]), [given]));
    const both = (await make([image, other])).toString('latin1');
    expect(added.strip(Buffer.from(both, 'latin1'))).toBeUndefined();
    const stripped = added.strip(combine(add(added.combined, [other])).combined);
    if (stripped === undefined) throw new Error('Nothing was stripped');
    expect(add(stripped, [image])).toBeUndefined();
    expect(add(stripped, [given])).toBeDefined();
  });
});

describe('addToPem()', () => {
  test('leaves alone the same authority where the image has it by itself', () => {
    const added = combine(addToPem(Buffer.from(image.pem), [given]));
    expect(added.strip(Buffer.from(image.pem + given.pem))).toBeUndefined();
    expect(added.strip(Buffer.concat([added.combined, Buffer.from(given.pem)]))?.toString()).toBe(
      image.pem + given.pem,
    );
  });

  test('restores a bundle without a line feed at its end', () => {
    const own = Buffer.from(image.pem.trimEnd());
    const added = combine(addToPem(own, [given]));
    expect(parseAuthorities([added.combined.toString()])).toEqual([image, given]);
    expect(added.strip(added.combined)).toEqual(own);
  });
});

describe('stores of strangers', () => {
  test('a PKCS #12 store with added authorities is one to other readers', async () => {
    const { combined } = combine(addToPkcs12(await makePkcs12([image]), [given]));
    expect(await listPkcs12(combined)).toEqual([image, given]);
  });

  test('a Java key store with another password is left alone', () => {
    const store = createJavaKeyStore([image]);
    store.writeUInt8((store.at(-1) ?? 0) ^ 1, store.length - 1);
    expect(addToJavaKeyStore(store, [given])).toBeUndefined();
  });

  test.each([0, 4, 12, 31, 60])('a Java key store that was cut at %i is left alone', (length) => {
    expect(addToJavaKeyStore(createJavaKeyStore([image]).subarray(0, length), [given])).toBe(
      undefined,
    );
  });

  test('a PKCS #12 store that was cut anywhere is left alone', async () => {
    const store = await makePkcs12([image]);
    for (let length = 0; length < store.length; length++) {
      expect(addToPkcs12(store.subarray(0, length), [given])).toBeUndefined();
    }
  });
});
