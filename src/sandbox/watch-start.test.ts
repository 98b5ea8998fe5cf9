import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findProgram } from '../host/child-process.ts';
import { readHostFacts } from './host-facts.ts';
import { prepareRoot } from './mount-targets.ts';
import { OciSandbox } from './oci-runtime.ts';
import { canRunSteps, cgroupsLeft, makeBusyboxRoot } from './sandbox-rig.fixture.ts';
import type { ProcessExit } from './sandbox.ts';

/** Programs that stand for runc: `--root STATE --log FILE --log-format json run --bundle DIR ID`. */
describe.runIf(canRunSteps)('A runtime that stands still', () => {
  /** Files that scripts write are here: all else is read-only for a runtime. */
  let rootfs: string;
  /** A number that no other program has in its words. */
  const mark = `4${String(process.pid)}7`;

  beforeEach(() => {
    rootfs = makeBusyboxRoot();
    prepareRoot(rootfs, { path: '/', uid: 0, gid: 0 }, []);
  });

  afterEach(() => {
    rmSync(rootfs, { recursive: true });
  });

  interface Start {
    readonly usesCgroups?: boolean;
    readonly lookEveryMs?: number;
    readonly onOutput?: (text: string) => void;
    readonly signal?: AbortSignal;
  }

  /** Runs a step that adds a line to /program, in a runtime that is this script. */
  async function run(script: string, start: Start = {}): Promise<ProcessExit> {
    const dir = mkdtempSync(path.join(tmpdir(), 'stuck-runtime-'));
    const program = path.join(dir, 'runc');
    const first = `cd ${rootfs}; echo >> starts; gate="$2/\${10}/exec.fifo"\n`;
    writeFileSync(program, `#!/bin/sh\n${first}${script}`, { mode: 0o755 });
    const host = readHostFacts(process.env);
    if (host.launcher === undefined) throw new Error('No launcher');
    const { usesCgroups = false, lookEveryMs = 50, onOutput } = start;
    const runtime = {
      name: 'runc',
      program,
      version: '9.9',
      usesCgroups,
      takesFilter: false,
    } as const;
    const sandbox = new OciSandbox(runtime, host, host.launcher, lookEveryMs);
    const spec = {
      id: `stuck-${String(process.pid)}`,
      rootfs,
      args: ['sh', '-c', 'echo >> /program'],
      env: ['PATH=/bin'],
      cwd: '/',
      user: { uid: 0, gid: 0, groups: [0], home: '/' },
      hostname: 'step',
      mounts: [],
      network: { kind: 'host' },
      shmBytes: 65_536,
      stopTimeoutMs: 5000,
    } as const;
    const io = {
      kind: 'captured',
      onOutput: (_stream: string, bytes: Uint8Array) => onOutput?.(Buffer.from(bytes).toString()),
    } as const;
    try {
      return await sandbox.run(spec, io, start.signal ?? new AbortController().signal);
    } finally {
      rmSync(dir, { recursive: true });
    }
  }

  const lines = (name: string): number =>
    existsSync(path.join(rootfs, name))
      ? readFileSync(path.join(rootfs, name), 'utf8').split('\n').length - 1
      : 0;

  function expectNothingLeft(): void {
    const words = readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        } catch {
          return '';
        }
      });
    expect(words.filter((each) => each.includes(mark))).toEqual([]);
    const { runtimeBase } = readHostFacts(process.env);
    const ours = `stagecraft-step-${String(process.pid)}-`;
    expect(readdirSync(runtimeBase).filter((name) => name.startsWith(ours))).toEqual([]);
    expect(cgroupsLeft()).toEqual([]);
  }

  /** The program waits at the gate, and the runtime never opens it. */
  const STAND_STILL = `mkdir -p "\${gate%/*}"; mkfifo "$gate"
(echo 0 > "$gate"; echo >> program) &
echo waiting >&2
exec sleep ${mark}
`;

  test('is started once more, and finds nothing of the first time', async () => {
    const script = `[ -e "$2" ] && exit 9
if [ "$(wc -l < starts)" -eq 1 ]; then
${STAND_STILL}fi
echo >> program
`;
    expect(await run(script)).toEqual({ kind: 'exited', status: 0 });
    expect([lines('starts'), lines('program')]).toEqual([2, 1]);
    expectNothingLeft();
  });

  const runc = findProgram('runc');

  test.runIf(runc !== undefined)('is started once more when it is the real one', async () => {
    // "create" leaves the program waiting as a runtime does that stands still.
    const script = `
if [ "$(wc -l < starts)" -eq 1 ]; then
  ${runc ?? ''} "$1" "$2" "$3" "$4" "$5" "$6" create "$8" "$9" "\${10}"
  exec sleep ${mark}
fi
exec ${runc ?? ''} "$@"
`;
    expect(await run(script, { usesCgroups: true, lookEveryMs: 2000 })).toEqual({
      kind: 'exited',
      status: 0,
    });
    expect([lines('starts'), lines('program')]).toEqual([2, 1]);
    expectNothingLeft();
  });

  test('is given up when it stands still again', async () => {
    await expect(run(STAND_STILL)).rejects.toMatchObject({
      code: 'RUNTIME_STUCK',
      message: 'Cannot start the process: runc 9.9 stood still twice before the program began',
      hint: 'Use another isolation: --isolation=namespaces or --isolation=crun',
    });
    expect([lines('starts'), lines('program')]).toEqual([2, 0]);
    expectNothingLeft();
  });

  test('is left alone when the program has begun', async () => {
    // It has opened the gate and let the program go, and removes the gate only when it was looked at.
    const script = `mkdir -p "\${gate%/*}"; mkfifo "$2/pipe"
(echo 0 > "$2/pipe"; echo >> program) &
exec 3< "$2/pipe"
mv "$2/pipe" "$gate"
while [ ! -e "$gate.first" ]; do sleep 0.01; done
rm "$gate"
wait
exit 7
`;
    expect(await run(script)).toEqual({ kind: 'exited', status: 7 });
    expect([lines('starts'), lines('program')]).toEqual([1, 1]);
    expectNothingLeft();
  });

  test('ends with its step on abort', async () => {
    const stop = new AbortController();
    const onOutput = (text: string): void => {
      if (text === 'waiting\n') stop.abort(new Error('stopped'));
    };
    const running = run(STAND_STILL, { lookEveryMs: 60_000, onOutput, signal: stop.signal });
    await expect(running).rejects.toThrow('stopped');
    expect([lines('starts'), lines('program')]).toEqual([1, 0]);
    expectNothingLeft();
  });
});
