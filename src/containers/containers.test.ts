import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hostPlatform } from '../core/platform.ts';
import { digestOf } from '../core/sha256.ts';
import type { ContainerConfig } from '../image/config.ts';
import { openSandbox } from '../sandbox/choose-sandbox.ts';
import { canRunSteps } from '../sandbox/sandbox-rig.fixture.ts';
import { busyboxSnapshotter } from './busybox-snapshotter.fixture.ts';
import { readLog } from './container-log.ts';
import type { ContainerOptions } from './container-options.ts';
import { findRecord, listRecords, observeState, readRecord } from './container-record.ts';
import { createContainer, snapshotsInUse, type CreatedContainer } from './create-container.ts';
import { startDetached } from './detached.ts';
import { runContainer, type RunContainerDeps } from './run-container.ts';
import { runForeground } from './run-foreground.ts';
import { removeContainer, stopContainer } from './stop-container.ts';

const { signal } = new AbortController();
let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'containers-'));
});
afterEach(async () => {
  for (const { id } of listRecords(root)) await removeContainer(root, id, true, signal);
  rmSync(root, { recursive: true, force: true });
});

function create(
  command: readonly string[],
  change: Partial<ContainerOptions> = {},
  config: ContainerConfig = {},
): CreatedContainer {
  const options: ContainerOptions = {
    image: {
      name: 'busybox',
      id: digestOf('busybox'),
      config,
      platform: hostPlatform(process.arch),
      snapshot: 'busybox',
    },
    command,
    env: [],
    volumes: [],
    ports: [],
    network: 'default',
    isRemovedAtEnd: false,
    isStdinOpen: false,
    isTerminal: false,
    isDetached: false,
    ...change,
  };
  const env = { FROM_HOST: 'yes' };
  return createContainer(options, { root, env, cwd: root, now: () => new Date(), randomBytes });
}

async function runDeps(): Promise<RunContainerDeps> {
  const isolation = 'namespaces';
  return {
    root,
    snapshotter: busyboxSnapshotter(root),
    sandbox: await openSandbox({ isolation, env: {}, cacheDir: undefined, signal }),
    searchPath: '/usr/bin',
    now: () => new Date(),
    note: () => undefined,
  };
}

async function run(container: CreatedContainer): Promise<{ status: number; output: string }> {
  let output = '';
  const io = {
    kind: 'captured',
    onOutput: (_stream: string, bytes: Uint8Array) => (output += Buffer.from(bytes).toString()),
  } as const;
  return { status: await runContainer(container, io, await runDeps(), signal), output };
}

async function readWholeLog(id: string): Promise<string[]> {
  const lines: string[] = [];
  const options = { isFollowing: false, isOver: () => true };
  for await (const entry of readLog(path.join(root, 'containers', id), options, signal)) {
    lines.push(`${entry.stream} ${entry.bytes.toString()}`);
  }
  return lines;
}

const supervisor = path.join(import.meta.dirname, 'supervisor.fixture.ts');
function detach(container: CreatedContainer): ReturnType<typeof startDetached> {
  const supervisorArgv = [process.execPath, '--import', 'tsx', supervisor, root] as const;
  return startDetached(container, { supervisorArgv: [...supervisorArgv], env: {} }, signal);
}

describe('createContainer()', () => {
  test.each<[string, readonly string[], Partial<ContainerOptions>, ContainerConfig, string[]]>([
    ['takes CMD', [], {}, { Cmd: ['a', 'b'] }, ['a', 'b']],
    ['puts ENTRYPOINT before CMD', [], {}, { Entrypoint: ['e'], Cmd: ['c'] }, ['e', 'c']],
    ['replaces CMD', ['x'], {}, { Entrypoint: ['e'], Cmd: ['c'] }, ['e', 'x']],
    [
      'drops CMD with --entrypoint',
      [],
      { entrypoint: 'n' },
      { Entrypoint: ['e'], Cmd: ['c'] },
      ['n'],
    ],
    [
      'removes ENTRYPOINT with an empty one',
      ['x'],
      { entrypoint: '' },
      { Entrypoint: ['e'] },
      ['x'],
    ],
  ])('%s', (_claim, command, change, config, args) => {
    expect(create(command, change, config).plan.args).toEqual(args);
  });

  test('gives each container a name, and refuses one that is taken', () => {
    const { record } = create(['true']);
    expect(record.name).toMatch(/^[a-z]+-[a-z]+$/);
    create(['true'], { name: 'web' });
    expect(() => create(['true'], { name: 'web' })).toThrow(
      'Cannot create container "web": the name is in use',
    );
  });

  test.each<[Partial<ContainerOptions>, string]>([
    [{ name: '-x' }, 'Cannot use --name "-x": a name has letters, digits'],
    [{ ports: ['80/udp'] }, 'Cannot use --publish "80/udp": only TCP can be published'],
    [{ ports: ['0:80'] }, 'Cannot use --publish "0:80": there is no port 0'],
    [{ ports: ['1-2:1-2'] }, 'Cannot use --publish "1-2:1-2": ranges are not supported'],
    [{ ports: ['x:1:2'] }, 'Cannot use --publish "x:1:2": "x" is not an IP address'],
    [{ ports: ['80'], network: 'host' }, 'a container with network "host" has no ports of its own'],
    [{ volumes: ['/a'] }, 'Cannot use --volume "/a": expected SOURCE:TARGET[:ro]'],
    [{ volumes: ['/a:b'] }, 'Cannot use --volume "/a:b": "b" is not an absolute path'],
    [{ volumes: ['/a:/b:suid'] }, '"suid" is neither "ro" nor "rw"'],
    [{ volumes: ['..x y:/b'] }, '"..x y" is neither a path nor a volume name'],
    [{ workdir: 'rel' }, 'Cannot use --workdir "rel": it is not an absolute path'],
    [{ env: ['=x'] }, 'Cannot use --env "=x": expected NAME=value or NAME'],
    [{ isDetached: true, isTerminal: true }, 'a detached container has neither -i nor -t'],
  ])('refuses %o', (change, message) => {
    expect(() => create(['true'], change)).toThrow(message);
    expect(listRecords(root)).toEqual([]);
  });

  test('says that an image without command needs one', () => {
    expect(() => create([])).toThrow(
      'Cannot run image "busybox": it has neither CMD nor ENTRYPOINT',
    );
  });
});

describe.skipIf(!canRunSteps)('runContainer()', () => {
  test('runs with the environment, directory, user and hostname asked for', async () => {
    const container = create(
      ['sh', '-c', 'echo $A $FROM_HOST; pwd; id -u; hostname; cat /etc/hosts'],
      { env: ['A=1', 'FROM_HOST', 'NOT_SET'], workdir: '/new/dir', user: 'app', hostname: 'box' },
    );
    const { status, output } = await run(container);
    expect(status).toBe(0);
    expect(output.split('\n').slice(0, 4)).toEqual(['1 yes', '/new/dir', '1000', 'box']);
    expect(output).toContain('127.0.0.1\tbox');
  });

  test('keeps its state in a record, and removes it with --rm', async () => {
    const kept = create(['sh', '-c', 'exit 7']);
    expect((await run(kept)).status).toBe(7);
    expect(findRecord(root, kept.record.id.slice(0, 12)).state).toMatchObject({
      kind: 'exited',
      status: 7,
    });
    const removed = create(['true'], { isRemovedAtEnd: true });
    await run(removed);
    expect(readRecord(root, removed.record.id)).toBeUndefined();
  });

  test('shares volumes of the host and by name', async () => {
    writeFileSync(path.join(root, 'note'), 'from outside\n');
    const container = create(
      ['sh', '-c', 'cat /in/note; echo kept > /data/file; echo x > /in/other'],
      { volumes: ['.:/in:ro', 'data:/data'] },
    );
    const { status, output } = await run(container);
    expect([status, output]).toEqual([1, expect.stringContaining('from outside')]);
    expect(readFileSync(path.join(root, 'volumes/data/file'), 'utf8')).toBe('kept\n');
  });

  test('reports a program that is not there, in the record too', async () => {
    const container = create(['nonesuch']);
    await expect(run(container)).rejects.toMatchObject({ code: 'SANDBOX_START' });
    expect(readRecord(root, container.record.id)?.state.kind).toBe('failed');
  });
});

describe.skipIf(!canRunSteps)('runForeground()', () => {
  const options = { isStdinOpen: false, isTerminal: false, hasTerminal: false };

  test('passes output on and keeps it in the log', async () => {
    const container = create(['sh', '-c', 'echo out; exit 2']);
    const chunks: string[] = [];
    const onOutput = (stream: string, bytes: Uint8Array): void => {
      chunks.push(`${stream} ${Buffer.from(bytes).toString()}`);
    };
    const status = await runForeground(
      container,
      { ...options, onOutput },
      await runDeps(),
      signal,
    );
    expect([status, chunks]).toEqual([2, ['stdout out\n']]);
    expect(await readWholeLog(container.record.id)).toEqual(['stdout out\n']);
  });

  test('refuses a terminal where there is none', async () => {
    const container = create(['sh'], { isTerminal: true, isStdinOpen: true });
    const onOutput = (): void => undefined;
    const running = runForeground(
      container,
      { ...options, isTerminal: true, onOutput },
      await runDeps(),
      signal,
    );
    await expect(running).rejects.toMatchObject({
      code: 'NO_TERMINAL',
      message: 'Cannot give the container a terminal: standard input is not one',
    });
  });

  test('stops the container on abort, and says so in its record', async () => {
    const container = create(['sh', '-c', 'echo ready; exec sleep 1000']);
    const stop = new AbortController();
    const onOutput = (): void => {
      stop.abort(new Error('stopped'));
    };
    const running = runForeground(
      container,
      { ...options, onOutput },
      await runDeps(),
      stop.signal,
    );
    await expect(running).rejects.toThrow('stopped');
    expect(readRecord(root, container.record.id)?.state).toMatchObject({
      kind: 'exited',
      status: 143,
    });
  });
});

test('snapshotsInUse() names those of containers that run or will', async () => {
  const container = create(['true']);
  expect([...snapshotsInUse(root)]).toEqual(['busybox']);
  await removeContainer(root, container.record.id, false, signal);
  expect([...snapshotsInUse(root)]).toEqual([]);
});

describe.skipIf(!canRunSteps)('startDetached()', () => {
  test('leaves a container running whose log can be read and that can be stopped', async () => {
    const script =
      'trap "echo bye; exit 3" TERM; echo err >&2; echo out; while :; do sleep 0.05; done';
    const container = create(['sh', '-c', script], { isDetached: true, name: 'web' });
    await detach(container);
    expect(observeState(findRecord(root, 'web')).kind).toBe('running');
    await expect(removeContainer(root, 'web', false, signal)).rejects.toMatchObject({
      code: 'CONTAINER_RUNNING',
    });

    await expect.poll(() => readWholeLog(container.record.id)).toContain('stdout out\n');
    const stopped = await stopContainer(root, 'web', 10_000, signal);
    expect(stopped.state.kind).toBe('exited');
    const lines = await readWholeLog(container.record.id);
    expect(lines).toEqual(expect.arrayContaining(['stderr err\n', 'stdout bye\n', 'stdout out\n']));
  }, 30_000);

  test('passes on why a container did not start', async () => {
    const container = create(['nonesuch'], { isDetached: true });
    await expect(detach(container)).rejects.toMatchObject({
      code: 'SANDBOX_START',
      message: 'Cannot start "nonesuch": there is no such program in the step\'s file system',
    });
  }, 30_000);

  test('publishes a port of the container', async () => {
    const reply = 'HTTP/1.0 200 OK\\r\\nConnection: close\\r\\n\\r\\nhello';
    const serve = `while :; do printf "${reply}" | nc -l -p 8080; done`;
    const container = create(['sh', '-c', serve], { isDetached: true, ports: ['127.0.0.1::8080'] });
    const { ports } = await detach(container);
    const hostPort = ports[0]?.hostPort ?? 0;
    expect(hostPort).toBeGreaterThan(0);
    expect(await fetchText(hostPort)).toBe('hello');
    await stopContainer(root, container.record.id, 10_000, signal);
    await expect(fetchText(hostPort)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  }, 30_000);

  test('says that a host port is taken', async () => {
    const server = http.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const container = create(['true'], { isDetached: true, ports: [`127.0.0.1:${port}:80`] });
    await expect(detach(container)).rejects.toMatchObject({
      code: 'PORT_UNAVAILABLE',
      message: `Cannot listen on 127.0.0.1 port ${port}: EADDRINUSE`,
    });
    server.close();
  }, 30_000);

  test('ends a container whose supervisor was killed, and shows it as dead', async () => {
    const mark = `5${process.pid}`;
    const container = create(['sleep', mark], { isDetached: true });
    await detach(container);
    const { state } = findRecord(root, container.record.id);
    if (state.kind !== 'running') throw new Error('not running');
    process.kill(state.pid, 'SIGKILL');
    await expect.poll(() => observeState(findRecord(root, container.record.id)).kind).toBe('dead');
    const isRunning = (): boolean =>
      readdirSync('/proc').some((pid) => commandLineOf(pid) === `sleep ${mark}`);
    await expect.poll(isRunning).toBe(false);
  }, 30_000);
});

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

function fetchText(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          resolve(text);
        });
      })
      .on('error', reject);
  });
}
