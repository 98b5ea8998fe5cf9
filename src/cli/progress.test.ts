import { describe, expect, test } from 'vitest';
import { BuildError } from '../diagnostics/build-error.ts';
import type { BuildEvent } from '../events/event.ts';
import { chooseProgress, createProgress } from './create-progress.ts';
import { recordOutput, type RecordedOutput } from './recorded-output.fixture.ts';
import type { ProgressKind } from './progress.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

const PLANNED: BuildEvent = {
  type: 'graph-planned',
  at: 10,
  ops: [
    { op: 0, name: '[base 1/1] FROM alpine', stage: 'base', inputs: [] },
    { op: 1, name: '[base 2/2] COPY . /src', stage: 'base', inputs: [0] },
    { op: 2, name: '[app 1/1] RUN make', stage: 'app', inputs: [1] },
  ],
};

/** A build of three steps: one cached, one changed, one that fails. */
const FAILING: readonly BuildEvent[] = [
  { type: 'task-started', task: 't', name: '[internal] load metadata for alpine', at: 0 },
  { type: 'task-done', task: 't', at: 200, detail: undefined },
  PLANNED,
  { type: 'op-cached', op: 0, key: 'k', at: 210 },
  {
    type: 'op-missed',
    op: 1,
    because: { kind: 'changed', changes: [{ part: 'src/a.c', before: undefined, after: 'x' }] },
  },
  { type: 'op-started', op: 1, at: 220 },
  { type: 'op-done', op: 1, at: 320, bytes: 5 },
  { type: 'note', text: 'Steps run in crun' },
  { type: 'op-missed', op: 2, because: { kind: 'never-built' } },
  { type: 'op-started', op: 2, at: 330 },
  { type: 'op-output', op: 2, stream: 'stdout', bytes: bytes('compiling\nlin'), at: 400 },
  { type: 'op-output', op: 2, stream: 'stdout', bytes: bytes('king\n'), at: 500 },
  {
    type: 'op-output',
    op: 2,
    stream: 'stderr',
    bytes: bytes('\u001b]0;title\u0007no space'),
    at: 600,
  },
  {
    type: 'op-failed',
    op: 2,
    error: new BuildError({ code: 'STEP_FAILED', class: 'build', message: 'Cannot run "make": 2' }),
    at: 700,
  },
];

const WRITTEN: readonly BuildEvent[] = [
  {
    type: 'stages-measured',
    stages: [
      {
        index: 0,
        name: 'base',
        baseName: 'alpine',
        totalBytes: 5_000_000,
        addedBytes: 5,
        leftBehindBytes: 4_999_000,
        durationMs: 100,
        isTarget: false,
      },
      {
        index: 1,
        name: undefined,
        baseName: 'scratch',
        totalBytes: 1000,
        addedBytes: 1000,
        leftBehindBytes: 0,
        durationMs: 0,
        isTarget: true,
      },
    ],
  },
  {
    type: 'image-written',
    image: { destination: 'image app', digest: 'sha256:1', bytes: 2048 },
    at: 9,
  },
];

interface Display {
  readonly out: RecordedOutput;
  readonly show: (events: readonly BuildEvent[]) => void;
  readonly tick: (ms: number) => void;
  readonly close: () => void;
}

function open(kind: ProgressKind, size?: { columns: number; rows: number }): Display {
  const out = recordOutput(size);
  let now = 1000;
  let frame: () => void = () => undefined;
  const progress = createProgress(kind, out, {
    hasColour: false,
    now: () => now,
    every: (_, callback) => {
      frame = callback;
      return () => (frame = () => undefined);
    },
  });
  return {
    out,
    show: (events) => {
      for (const event of events) progress.emit(event);
    },
    tick: (ms) => {
      now += ms;
      frame();
    },
    close: () => {
      progress.close();
    },
  };
}

describe('plain progress', () => {
  test('numbers the steps, and repeats what a failed one wrote', () => {
    const { out, show, close } = open('plain');
    show(FAILING);
    close();
    expect(out.text).toBe(`#1 [internal] load metadata for alpine
#1 DONE 0.2s

#2 [base 1/1] FROM alpine
#2 CACHED

#3 [base 2/2] COPY . /src
#3 not cached: src/a.c is new
#3 DONE 0.1s

Steps run in crun

#4 [app 1/1] RUN make
#4 not cached: never built before
#4 0.070 compiling
#4 0.170 linking
#4 0.370 no space
#4 ERROR: Cannot run "make": 2

------
 > [app 1/1] RUN make:
0.070 compiling
0.170 linking
0.370 no space
------
`);
  });

  test('ends with the stages and the images', () => {
    const { out, show, close } = open('plain');
    show(WRITTEN);
    close();
    expect(out.text).toBe(`STAGE       BASE      SIZE   ADDED   LEFT BEHIND   TIME
base        alpine    5MB    5B      5MB           0.1s
stage 1 *   scratch   1kB    1kB     -             0.0s
Wrote image app, sha256:1, 2.05kB
`);
  });
});

describe('progress on a terminal', () => {
  const SIZE = { columns: 48, rows: 12 };

  test('draws a block, anew in place, in one write per frame', () => {
    const { out, show, tick } = open('tty', SIZE);
    show(FAILING.slice(0, 7));
    show(FAILING.slice(8, 12));
    tick(500);
    tick(100);
    expect(out.writes).toHaveLength(2);
    expect(out.writes[0]).toBe(`\u001b[?25l\r\u001b[J[+] Building 0.5s (3/4)
 => [internal] load metadata for alpine     0.2s
 => CACHED [base 1/1] FROM alpine           0.0s
 => [base 2/2] COPY . /src                  0.1s
 => => not cached: src/a.c is new
 => [app 1/1] RUN make                      0.2s
 => => # compiling
 => => # linking
\u001b[?25h`);
    expect(out.writes[1]).toMatch(/^\u001b\[\?25l\u001b\[8A\r\u001b\[J\[\+\] Building 0\.6s/);
  });

  test('lets notes stay above the block', () => {
    const { out, show, tick } = open('tty', SIZE);
    show(FAILING.slice(0, 1));
    tick(100);
    show([{ type: 'note', text: 'Steps run in crun' }]);
    expect(out.writes[1]).toBe(`\u001b[?25l\u001b[2A\r\u001b[JSteps run in crun
[+] Building 0.1s (0/1)
 => [internal] load metadata for alpine     0.1s
\u001b[?25h`);
  });

  test('leaves out the oldest that are done where there is no room, and says how many', () => {
    const { out, show, tick } = open('tty', { columns: 48, rows: 5 });
    show(FAILING.slice(0, 10));
    tick(0);
    expect(out.writes.at(-1)).toContain(`[+] Building 0.0s (3/4)
 => … 2 more, done
 => [base 2/2] COPY . /src                  0.1s
 => [app 1/1] RUN make                      0.0s
`);
  });

  test('goes back over lines that a narrower terminal has broken', () => {
    const { out, show, tick } = open('tty', SIZE);
    show(FAILING.slice(0, 1));
    tick(0);
    out.resize(24, 12);
    // The head has 23 cells, the row 48: one line and two.
    expect(out.writes.at(-1)).toMatch(/^\u001b\[\?25l\u001b\[3A/);
  });

  test('shows everything at the end, with all that the failed step wrote', () => {
    const { out, show, close } = open('tty', { columns: 48, rows: 4 });
    show(FAILING);
    close();
    expect(out.writes.slice(-2).join(''))
      .toBe(`\u001b[?25l\u001b[3A\r\u001b[J[+] Building 0.0s (4/4) FINISHED
 => [internal] load metadata for alpine     0.2s
 => CACHED [base 1/1] FROM alpine           0.0s
 => [base 2/2] COPY . /src                  0.1s
 => => not cached: src/a.c is new
 => ERROR [app 1/1] RUN make                0.4s
\u001b[?25h------
 > [app 1/1] RUN make:
compiling
linking
no space
------
`);
  });

  test('never writes a line that is wider than the terminal', () => {
    const { out, show, tick, close } = open('tty', { columns: 20, rows: 30 });
    show(FAILING);
    tick(100);
    close();
    const block = out.writes
      .slice(0, -1)
      .join('')
      .replaceAll(/\u001b\[[?0-9]*[a-zA-Z]|\r/g, '');
    expect(Math.max(...block.split('\n').map((line) => line.length))).toBeLessThanOrEqual(20);
  });
});

describe('progress for programs', () => {
  test('writes one JSON object a line', () => {
    const { out, show } = open('json');
    show(FAILING);
    const lines = out.text.trimEnd().split('\n');
    expect(lines).toHaveLength(FAILING.length);
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events[10]).toEqual({
      ...{ type: 'op-output', op: 2, stream: 'stdout', at: 400 },
      text: 'compiling\nlin',
    });
    expect(events.at(-1)).toEqual({
      ...{ type: 'op-failed', op: 2, at: 700 },
      error: { code: 'STEP_FAILED', class: 'build', message: 'Cannot run "make": 2' },
    });
  });

  test('gives bytes that are no text as base64', () => {
    const { out, show } = open('json');
    show([{ type: 'op-output', op: 0, stream: 'stderr', bytes: Uint8Array.of(0xff, 0x41), at: 1 }]);
    expect(JSON.parse(out.text)).toEqual({
      ...{ type: 'op-output', op: 0, stream: 'stderr', at: 1 },
      base64: '/0E=',
    });
  });
});

describe('quiet progress', () => {
  test('shows the failed step and its last lines, and nothing else', () => {
    const { out, show, close } = open('quiet');
    show(FAILING);
    show(WRITTEN);
    close();
    expect(out.text).toBe('[app 1/1] RUN make:\ncompiling\nlinking\nno space\n');
  });
});

describe('chooseProgress()', () => {
  const terminal = recordOutput({ columns: 80, rows: 24 });
  test.each<[string, RecordedOutput, Record<string, string>, string]>([
    ['a terminal', terminal, { TERM: 'xterm' }, 'tty'],
    ['a terminal that cannot move its cursor', terminal, { TERM: 'dumb' }, 'plain'],
    ['a file', recordOutput(), { TERM: 'xterm' }, 'plain'],
  ])('auto on %s', (_, out, env, expected) => {
    expect(chooseProgress('auto', out, env)).toBe(expected);
  });

  test('does what was asked for, on files as well', () => {
    expect(chooseProgress('tty', recordOutput(), {})).toBe('tty');
  });
});
