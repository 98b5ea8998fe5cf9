import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLEAN_ENV, findProgram, runProcess } from '../host/child-process.ts';

/** Where openssl is; undefined when this machine has none. */
export const OPENSSL = findProgram('openssl', CLEAN_ENV['PATH'] ?? '');

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const { signal } = new AbortController();

async function openssl(dir: string, args: readonly string[]): Promise<void> {
  const { status, stderr } = await runProcess({ program: OPENSSL ?? '', args, cwd: dir }, signal);
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr.toString()}`);
}

/** Writes `name.crt` and `name.key`, signed by itself, for one host name or address. */
export async function makeCertificate(dir: string, name: string, host: string): Promise<void> {
  const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=${altName(host)}`];
  const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
  await openssl(dir, ['req', '-x509', ...CURVE, ...files, ...names]);
}

/** Writes `name.crt` and `name.key`, signed by the authority `authority.crt`. */
export async function makeSignedCertificate(
  dir: string,
  name: string,
  authority: string,
  host: string,
): Promise<void> {
  const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${host}`];
  await openssl(dir, ['req', ...CURVE, ...request]);
  writeFileSync(join(dir, `${name}.ext`), `subjectAltName=${altName(host)}\n`);
  const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
  const files = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-extfile', `${name}.ext`];
  await openssl(dir, ['x509', '-req', '-sha256', '-days', '2', ...signer, ...files]);
}

/** Writes `name.crt` and `name.key` for localhost, which ended in 2020. */
export async function makeExpiredCertificate(dir: string, name: string): Promise<void> {
  // Only `openssl ca` lets every version choose the dates.
  const config = [
    '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\nserial=serial',
    'default_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied',
    '[e]\nsubjectAltName=DNS:localhost\n',
  ];
  writeFileSync(join(dir, 'ca.conf'), config.join('\n'));
  writeFileSync(join(dir, 'index.txt'), '');
  writeFileSync(join(dir, 'serial'), '01\n');
  const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/CN=localhost'];
  await openssl(dir, ['req', ...CURVE, ...request]);
  const dates = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'];
  const files = ['-keyfile', `${name}.key`, '-in', `${name}.csr`, '-out', `${name}.crt`];
  const common = ['-batch', '-selfsign', '-notext', '-config', 'ca.conf'];
  await openssl(dir, ['ca', ...common, ...dates, ...files]);
}

function altName(host: string): string {
  return /^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`;
}
