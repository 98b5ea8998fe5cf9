import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAuthorities, type Authority } from '../trust/authorities.ts';
import { makeCertificate } from './certificates.ts';

/** Makes authorities of these names in `dir`. */
export async function makeAuthorities(
  dir: string,
  names: readonly string[],
): Promise<readonly Authority[]> {
  const pems: string[] = [];
  for (const name of names) {
    await makeCertificate(dir, name, name);
    pems.push(readFileSync(join(dir, `${name}.crt`), 'latin1'));
  }
  return parseAuthorities(pems);
}
