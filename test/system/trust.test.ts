import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate, makeSignedCertificate } from '../../src/testing/certificates.ts';
import { buildWithEvents } from '../support/build-events.ts';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import { farAddress, startFarServer, type FarServer } from '../support/far-server.ts';

const JAVA = `import java.net.URL;
public class Ask {
  public static void main(String[] words) throws Exception {
    System.out.print(new String(new URL(words[0]).openStream().readAllBytes()));
  }
}
`;

// A server that steps can reach takes another network, and that takes root.
describe.skipIf(process.getuid?.() !== 0)('--ca-cert', () => {
  let dir: string;
  let ca: string;
  let far: FarServer;
  let rig: BaseRig;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'stagecraft-authority-'));
    ca = join(dir, 'company.crt');
    await makeCertificate(dir, 'company', 'company.example');
    await makeSignedCertificate(dir, 'server', 'company', farAddress());
    const [key, cert] = ['server.key', 'server.crt'].map((name) =>
      readFileSync(join(dir, name), 'utf8'),
    );
    far = await startFarServer({ key: key ?? '', cert: cert ?? '' });
    rig = await openBaseRig({ images: ['python:3.12-slim', 'node:20', 'eclipse-temurin:17-jdk'] });
  });

  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    await far[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });

  function asking(): string {
    const url = `https://${far.address}/`;
    return rig.context({
      'Ask.java': JAVA,
      Dockerfile: `FROM python:3.12-slim AS python
RUN python3 -c "import urllib.request as r; print(r.urlopen('${url}').read())" > /said
FROM node:20 AS node
RUN node -e "require('https').get('${url}', (a) => a.pipe(process.stdout))" > /said
FROM eclipse-temurin:17-jdk AS java
COPY Ask.java /
RUN java /Ask.java ${url} > /said
FROM scratch
COPY --from=python /said /python
COPY --from=node /said /node
COPY --from=java /said /java
`,
    });
  }

  test('makes Python, Node and Java in steps trust the authority, which they do not do else', async () => {
    const context = asking();
    const out = join(rig.dir, 'out');
    const built = await rig.run(['build', '--ca-cert', ca, '-o', out, context]);
    expect(built.status, built.stderr).toBe(0);
    for (const name of ['python', 'node', 'java']) {
      expect(readFileSync(join(out, name), 'utf8')).toContain('hello from afar');
      const refused = await rig.run(['build', '--no-cache', '--target', name, context]);
      expect(refused.stderr).toMatch(
        /CERTIFICATE_VERIFY_FAILED|self.signed|unable to (find|get|verify)/i,
      );
      expect(refused.status).toBe(4);
    }
  });

  test('leaves the image, and what the cache finds, as they are without', async () => {
    const context = rig.context({
      Dockerfile: `FROM python:3.12-slim
RUN cp -a /etc/ssl/certs/ca-certificates.crt /bundle && touch -d 2020-01-01 /bundle /
RUN update-ca-certificates && touch -d 2020-01-01 /etc/ssl/certs /etc/ssl/certs/* /etc/ssl
`,
    });
    const words = ['--platform', 'linux/amd64', context];
    const env = { SOURCE_DATE_EPOCH: '1600000000' };
    const without = await buildWithEvents(rig, ['--no-cache', ...words], { env });
    const given = await buildWithEvents(rig, ['--no-cache', '--ca-cert', ca, ...words], { env });
    expect(without.status, without.stderr).toBe(0);
    expect(given.images, given.stderr).toEqual(without.images);
    const again = await buildWithEvents(rig, words, { env });
    expect(again.started).toEqual([]);
  });

  test('names a file that is there', async () => {
    const context = rig.context({ Dockerfile: 'FROM scratch\n' });
    const { status, stderr } = await rig.run(['build', '--ca-cert', 'none.pem', context]);
    expect(status).toBe(2);
    expect(stderr).toContain('Cannot use "none.pem" for "--ca-cert": there is no such file');
  });
});
