import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandOptions } from '../support/cli.ts';
import { PROGRAM } from '../support/program.ts';
import { freePort } from '../support/free-port.ts';

let rig: BaseRig;

const DOCKERFILE = `FROM busybox
RUN mkdir -p /www && echo served > /www/index.html && adduser -D -u 1234 -h / someone 2>/dev/null; \\
    grep -q ^someone: /etc/passwd || echo 'someone:x:1234:1234::/:/bin/sh' >> /etc/passwd
ENV FROM_IMAGE=yes
WORKDIR /www
EXPOSE 8080
CMD ["httpd", "-f", "-v", "-p", "8080", "-h", "/www"]
`;

beforeAll(async () => {
  rig = await openBaseRig();
  const built = await rig.run(['build', '-t', 'web', rig.context({ Dockerfile: DOCKERFILE })]);
  expect(built.status, built.stderr).toBe(0);
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** Runs a command that has to succeed; gives what it prints. */
async function ok(words: readonly string[], options?: CommandOptions): Promise<string> {
  const { status, stdout, stderr } = await rig.run(words, options);
  expect({ status, stderr }, words.join(' ')).toEqual({ status: 0, stderr: '' });
  return stdout;
}

/** The answer at `url`, asked again until somebody listens. */
async function answerOf(url: string): Promise<string> {
  for (;;) {
    try {
      return await (await fetch(url)).text();
    } catch {
      await delay(20);
    }
  }
}

describe('stagecraft run', () => {
  test('--rm gives output and status of the command and leaves no container', async () => {
    const script = 'echo out; echo err >&2; exit 7';
    const result = await rig.run(['run', '--rm', 'web', 'sh', '-c', script]);
    expect(result).toMatchObject({ status: 7, stdout: 'out\n', stderr: 'err\n' });
    expect(await ok(['ps', '-aq'])).toBe('');
  });

  test.each([
    { flags: ['-e', 'A=1', '-e', 'FROM_IMAGE=no'], script: 'echo $A $FROM_IMAGE', out: '1 no\n' },
    { flags: ['-e', 'FROM_HOST'], script: 'echo $FROM_HOST', out: 'host value\n' },
    { flags: [], script: 'pwd', out: '/www\n' },
    { flags: ['-w', '/tmp'], script: 'pwd', out: '/tmp\n' },
    { flags: ['-u', 'someone'], script: 'id -u', out: '1234\n' },
    { flags: ['-u', '55:66'], script: 'echo $(id -u) $(id -g)', out: '55 66\n' },
  ])('$flags: "$script"', async ({ flags, script, out }) => {
    const env = { FROM_HOST: 'host value' };
    expect(await ok(['run', '--rm', ...flags, 'web', 'sh', '-c', script], { env })).toBe(out);
  });

  test('--entrypoint stands for the one of the image, with words after it', async () => {
    expect(await ok(['run', '--rm', '--entrypoint', 'echo', 'web', 'a', 'b'])).toBe('a b\n');
  });

  test('-i gives the command standard input', async () => {
    const words = ['run', '--rm', '-i', 'web', 'tr', 'a-z', 'A-Z'];
    expect(await ok(words, { input: 'shout\n' })).toBe('SHOUT\n');
  });

  test('-it gives the command a terminal', async () => {
    const command = `${PROGRAM} run -it --rm web sh -c 'test -t 0 && test -t 1 && tty'`;
    const result = await rig.run(['-qec', command, '/dev/null'], { program: 'script' });
    expect(result).toMatchObject({ status: 0, stdout: expect.stringContaining('/dev/') as string });
  });

  test('-v shows a directory of the host, which :ro protects', async () => {
    const shared = join(rig.dir, 'shared');
    mkdirSync(shared);
    writeFileSync(join(shared, 'in'), 'from the host\n');
    const script = 'cat /data/in && echo back > /data/out';
    expect(await ok(['run', '--rm', '-v', `${shared}:/data`, 'web', 'sh', '-c', script])).toBe(
      'from the host\n',
    );
    expect(readFileSync(join(shared, 'out'), 'utf8')).toBe('back\n');
    const words = ['run', '--rm', '-v', `${shared}:/data:ro`, 'web', 'touch', '/data/no'];
    const refused = await rig.run(words);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain('Read-only file system');
  });

  test('says which registry does not have the image', async () => {
    const host = new URL(rig.mirror).host;
    const { status, stderr } = await rig.run(['run', '--rm', `${host}/library/nothing:1`]);
    expect(status).toBe(3);
    expect(stderr).toContain(
      `error[IMAGE_NOT_FOUND]: Cannot find image "${host}/library/nothing:1": registry "${host}" has no`,
    );
  });
});

describe('a detached container', () => {
  test('serves, is listed, logs, stops and goes away', async () => {
    const port = await freePort();
    const publish = `127.0.0.1:${String(port)}:8080`;
    const printed = await ok(['run', '-d', '--name', 'server', '-p', publish, 'web']);
    expect(printed).toMatch(/^[0-9a-f]{64}\n$/);
    expect(await answerOf(`http://127.0.0.1:${String(port)}/`)).toBe('served\n');

    const format = '{{.Names}} {{.Image}} {{.State}} {{.Ports}}';
    const listed = `server web running 127.0.0.1:${String(port)}->8080/tcp\n`;
    expect(await ok(['ps', '--format', format])).toBe(listed);
    const logs = await rig.run(['logs', 'server']);
    expect(logs.status).toBe(0);
    expect(logs.stdout + logs.stderr).toContain('response:200');

    const taken = await rig.run(['run', '-d', '--name', 'server', 'web']);
    expect(taken.status).not.toBe(0);
    expect(taken.stderr).toContain('"server"');

    expect(await ok(['stop', '-t', '1', 'server'])).toBe('server\n');
    expect(await ok(['ps', '--format', format])).toBe('');
    expect(await ok(['ps', '-a', '--format', '{{.Names}} {{.State}}'])).toBe('server exited\n');
    expect(await ok(['rm', 'server'])).toBe('server\n');
    expect(await ok(['ps', '-aq'])).toBe('');
    await rig.assertNothingLeft();
  });

  test('with a free port of the host tells it in ps, and rm -f ends it', async () => {
    await ok(['run', '-d', '--name', 'any-port', '-p', '8080', 'web']);
    const ports = await ok(['ps', '--format', '{{.Ports}}']);
    const port = /^0\.0\.0\.0:(\d+)->8080\/tcp\n$/.exec(ports)?.[1];
    expect(await answerOf(`http://127.0.0.1:${String(port)}/`)).toBe('served\n');
    await ok(['rm', '-f', 'any-port']);
    await rig.assertNothingLeft();
  });

  test('keeps its files until it is removed, and the image does not change', async () => {
    await ok(['run', '--name', 'writer', 'web', 'sh', '-c', 'echo changed > /www/index.html']);
    expect(await ok(['run', '--rm', 'web', 'cat', '/www/index.html'])).toBe('served\n');
    await ok(['rm', 'writer']);
  });
});

describe('images', () => {
  const list = ['images', '--format', '{{.Repository}}:{{.Tag}}'];

  test('get more names with tag, lose them with rmi, and go with the last', async () => {
    const context = rig.context({ Dockerfile: 'FROM scratch\nCOPY file /\n', file: 'x' });
    const built = await rig.run(['build', '-t', 'one:1', context]);
    expect(built.status, built.stderr).toBe(0);
    await ok(['tag', 'one:1', 'registry.example.com/two']);
    const names = (await ok(list)).trim().split('\n').sort();
    expect(names).toEqual(['one:1', 'registry.example.com/two:latest', 'web:latest']);
    expect(await ok(['rmi', 'one:1'])).toBe('Untagged: one:1\n');
    expect(await ok(['rmi', 'registry.example.com/two'])).toMatch(
      /^Untagged: registry\.example\.com\/two:latest\nDeleted: sha256:[0-9a-f]{64}\n$/,
    );
    expect(await ok(list)).toBe('web:latest\n');
  });
});

describe('Files of containers', () => {
  test('are copied out of one that never ran, as CI scripts do', async () => {
    const id = (await ok(['create', '--name', 'taken', 'web'])).trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    const to = join(rig.dir, 'taken');
    await ok(['cp', 'taken:/www', to]);
    expect(readFileSync(join(to, 'index.html'), 'utf8')).toBe('served\n');
    await ok(['cp', `${id.slice(0, 12)}:/www/index.html`, join(rig.dir, 'one.html')]);
    expect(readFileSync(join(rig.dir, 'one.html'), 'utf8')).toBe('served\n');
    await ok(['cp', 'taken:/www/.', to]);
    await ok(['rm', 'taken']);
  });

  test('are those that it left, also when it is started again', async () => {
    const script = 'echo x >> /www/runs; cat /www/runs | wc -l';
    await ok(['create', '--name', 'again', 'web', 'sh', '-c', script]);
    expect(await ok(['start', '-a', 'again'])).toBe('1\n');
    expect(await ok(['start', '-a', 'again'])).toBe('2\n');
    const to = join(rig.dir, 'runs');
    await ok(['cp', 'again:/www/runs', to]);
    expect(readFileSync(to, 'utf8')).toBe('x\nx\n');
    // Nothing that is in use goes, and nothing is left in the way of a mount.
    await ok(['prune', '-f']);
    expect(await ok(['export', 'again'])).toContain('www/runs');
    const tar = await ok(['cp', 'again:/etc', '-']);
    expect(tar).not.toContain('resolv.conf');
    await ok(['rm', 'again']);
  });

  test('are not read while it runs, and links lead nowhere but into them', async () => {
    await ok(['run', '-d', '--name', 'busy', 'web', 'sh', '-c', 'ln -s / /out; exec sleep 1000']);
    expect(await rig.run(['cp', 'busy:/www', rig.dir])).toMatchObject({
      status: 2,
      stderr:
        'error[CONTAINER_RUNNING]: Cannot copy files of container "busy": it is running\n  hint: Stop it first\n',
    });
    expect(await rig.run(['start', 'busy'])).toMatchObject({
      status: 2,
      stderr: 'error[CONTAINER_RUNNING]: Cannot start container "busy": it is running\n',
    });
    await ok(['stop', '-t', '1', 'busy']);
    const { status, stderr } = await rig.run(['cp', `busy:/out${rig.dir}`, rig.dir]);
    expect([status, stderr]).toEqual([
      expect.any(Number),
      expect.stringContaining('error[COPY_SOURCE_NOT_FOUND]') as string,
    ]);
    await ok(['rm', 'busy']);
  });
});
