import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCertificate, makeSignedCertificate } from '../../src/testing/certificates.ts';
import { openRig, type Rig } from '../support/cli.ts';
import { ociFaults } from '../support/oci-schema.ts';
import { startRegistry, type RegistryServer } from '../support/registry-server.ts';

const PASSWORD = 's3cret-word';
/** `me` and the password, as htpasswd writes it with bcrypt. */
const HTPASSWD = 'me:$2y$05$abcdefghijklmnopqrstuuEpHRRKIlpAGo.iP7Bpa.htQEJMAAnRe\n';

let dir: string;
let server: RegistryServer;
let host: string;
let rig: Rig;

/** A registry that wants a client certificate and a password, with authorities of its own. */
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'registry-login-'));
  await makeCertificate(dir, 'ca', 'authority.example');
  await makeSignedCertificate(dir, 'server', 'ca', '127.0.0.1');
  await makeSignedCertificate(dir, 'client', 'ca', 'client.example');
  writeFileSync(join(dir, 'htpasswd'), HTPASSWD);
  server = await startRegistry({
    htpasswd: join(dir, 'htpasswd'),
    tls: {
      certificate: join(dir, 'server.crt'),
      key: join(dir, 'server.key'),
      clientcas: [join(dir, 'ca.crt')],
    },
  });
  host = server.host;
  rig = openRig();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

function putCertificates(home: string): string {
  const certificates = join(home, '.config/docker/certs.d', host);
  mkdirSync(certificates, { recursive: true });
  copyFileSync(join(dir, 'ca.crt'), join(certificates, 'ca.crt'));
  copyFileSync(join(dir, 'client.crt'), join(certificates, 'client.cert'));
  copyFileSync(join(dir, 'client.key'), join(certificates, 'client.key'));
  return certificates;
}

async function good(args: readonly string[], input?: string): Promise<string> {
  const { status, stdout, stderr } = await rig.run(args, input === undefined ? {} : { input });
  expect(status, stderr).toBe(0);
  return stdout;
}

async function bad(args: readonly string[], input?: string): Promise<string> {
  const { status, stderr } = await rig.run(args, input === undefined ? {} : { input });
  expect(status).not.toBe(0);
  expect(stderr).not.toContain(PASSWORD);
  return stderr;
}

const LOGIN = ['login', '-u', 'me', '--password-stdin'];

test('a registry of an unknown authority, or without our certificate, is told apart', async () => {
  expect(await bad([...LOGIN, host], PASSWORD)).toMatch(/REGISTRY_(?:UNTRUSTED|UNREACHABLE)/);
  const certificates = putCertificates(join(rig.dir, 'home'));
  rmSync(join(certificates, 'client.cert'));
  expect(await bad([...LOGIN, host], PASSWORD)).toContain(
    `Cannot reach registry "${host}": it wants a client certificate`,
  );
  putCertificates(join(rig.dir, 'home'));
});

test('a password is checked before it is kept, and never shown', async () => {
  expect(await bad([...LOGIN, host], `${PASSWORD}x`)).toContain(
    `Cannot log in at registry "${host}": it refuses the credentials from this command\n  hint: Check the name and the password.\n`,
  );
  expect(await bad(['pull', `${host}/team/app`])).toContain('it wants credentials');
  expect(await good([...LOGIN, host], `${PASSWORD}\n`)).toBe('Login Succeeded\n');
});

test('an image goes in whole, a second time without a byte, and out again', async () => {
  const context = rig.context({
    Dockerfile: 'FROM scratch AS base\nCOPY a /\nFROM base\nCOPY b /dir/\nCMD ["/a"]\nENV X=1\n',
    a: 'a'.repeat(100_000),
    b: 'b',
  });
  await good(['build', '-q', '-t', `${host}/team/app:1`, context]);
  expect((await rig.run(['push', `${host}/team/app:1`])).stderr).toMatch(/\(sent [1-9]/);
  const again = await rig.run(['push', `${host}/team/app:1`]);
  expect(again.stderr).toContain('(sent 0B)');
  await good(['tag', `${host}/team/app:1`, `${host}/other/app:2`]);
  // The registry has the layers, though in another repository: only the config is sent.
  expect((await rig.run(['push', `${host}/other/app:2`])).stderr).toMatch(
    /\(sent \d{2,3}B\)|\(sent 1\.\d+kB\)/,
  );

  const certificates = join(rig.dir, 'home/.config/docker/certs.d', host);
  const target = join(rig.dir, 'copy');
  const credentials = ['--src-creds', `me:${PASSWORD}`, '--src-cert-dir', certificates];
  const copied = spawnSync(
    'skopeo',
    ['copy', ...credentials, `docker://${host}/team/app:1`, `oci:${target}:app`],
    { encoding: 'utf8' },
  );
  expect(copied.status, copied.stderr).toBe(0);
  expect(faultsOfLayout(target)).toEqual([]);
  const unpacked = join(rig.dir, 'unpacked');
  const umoci = spawnSync('umoci', ['unpack', '--rootless', '--image', `${target}:app`, unpacked]);
  expect(umoci.status, umoci.stderr.toString()).toBe(0);
  expect(readFileSync(join(unpacked, 'rootfs/dir/b'), 'utf8')).toBe('b');

  await using elsewhere = openRig();
  putCertificates(join(elsewhere.dir, 'home'));
  await elsewhere.run([...LOGIN, host], { input: PASSWORD });
  const pulled = await elsewhere.run(['pull', `${host}/team/app:1`]);
  expect(pulled.status, pulled.stderr).toBe(0);
  const ids = await Promise.all([
    elsewhere.run(['images', '-q', '--no-trunc']),
    rig.run(['images', '-q', '--no-trunc', `${host}/team/app`]),
  ]);
  expect(ids[0].stdout).toBe(ids[1].stdout);
});

function faultsOfLayout(layout: string): readonly string[] {
  const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
  const blob = (digest: string): string => join(layout, 'blobs', digest.replace(':', '/'));
  const index = read(join(layout, 'index.json')) as { manifests: { digest: string }[] };
  const manifests = index.manifests.map(({ digest }) => read(blob(digest)));
  const configs = (manifests as { config: { digest: string } }[]).map(({ config }) =>
    read(blob(config.digest)),
  );
  expect(readdirSync(join(layout, 'blobs/sha256')).length).toBeGreaterThan(2);
  return [
    ...ociFaults('index', index),
    ...manifests.flatMap((manifest) => ociFaults('manifest', manifest)),
    ...configs.flatMap((config) => ociFaults('config', config)),
  ];
}

test('tags are listed, near ones named, and manifests deleted', async () => {
  await good(['tag', `${host}/team/app:1`, `${host}/team/app:1-old`]);
  const digest = (await good(['push', `${host}/team/app:1-old`])).trim();
  expect(await good(['list-tags', `${host}/team/app`])).toBe('1\n1-old\n');
  expect(await good(['registry', 'referrers', `${host}/team/app:1`])).toMatch(/^ARTIFACT TYPE/);
  const missing = await bad(['pull', `${host}/team/app:1-odl`]);
  expect(missing).toContain(`registry "${host}" has no tag "1-odl" in "team/app"`);
  expect(missing).toContain('Did you mean "1-old" or "1"?');
  const refused = await bad(['registry', 'delete', `${host}/team/app:1-old`]);
  expect(refused).toContain(`${host}/team/app@${digest} goes with all its tags`);
  await good(['registry', 'delete', `${host}/team/app@${digest}`]);
  expect(await bad(['pull', `${host}/team/app:1-old`])).toContain('IMAGE_NOT_FOUND');
});

test('after logging out nothing is sent along', async () => {
  expect(await good(['logout', host])).toBe(`Removing login credentials for ${host}\n`);
  expect(await bad(['pull', `${host}/team/app:1`])).toContain('it wants credentials');
  expect(readFileSync(join(rig.dir, 'home/.docker/config.json'), 'utf8')).not.toContain(host);
});
