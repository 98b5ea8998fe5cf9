import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';

let rig: BaseRig;

beforeAll(async () => {
  rig = await openBaseRig();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** More than the kernel mounts at once (OVL_MAX_STACK, 500). */
const MANY = 510;

test('a step sees the files of more layers than overlayfs can mount', async () => {
  const copies = Array.from({ length: MANY }, (_, i) => `COPY f /many/${String(i)}`);
  const text = ['FROM busybox AS b', ...copies, 'RUN rm /many/7 && ls /many | wc -l > /count'];
  const context = rig.context({
    f: 'x',
    Dockerfile: `${text.join('\n')}\nFROM scratch\nCOPY --from=b /count /many /\n`,
  });
  const dest = join(rig.dir, 'many');
  const { status, stderr } = await rig.run(['build', '-o', dest, context]);
  expect(status, stderr).toBe(0);
  expect(readFileSync(join(dest, 'count'), 'utf8')).toBe(`${String(MANY - 1)}\n`);
  expect(readFileSync(join(dest, String(MANY - 1)), 'utf8')).toBe('x');
  // The last step alone has too many layers below it.
  expect(stderr.match(/Files are copied for each step|more than 500 layers/g)).toHaveLength(1);
});

test.each(['overlay', 'copy'])(
  '%s: chmod and mv of a large tree are told with the bytes that they cost',
  async (snapshotter) => {
    const context = rig.context({
      'app/big': 'x'.repeat(11_000_000),
      'app/small': 'x',
      Dockerfile:
        'FROM busybox\nCOPY app /app\nRUN chmod -R 700 /app\nRUN mv /app /moved\nRUN touch /moved/big\n',
    });
    const { status, stderr } = await rig.run([
      'build',
      '--no-cache',
      `--snapshotter=${snapshotter}`,
      context,
    ]);
    expect(status, stderr).toBe(0);
    expect(stderr.match(/^.* twice in the image: .*$/gm)).toEqual([
      expect.stringMatching(/^#\d+ 11MB twice in the image: 2 files of layers below got another/),
      expect.stringMatching(/^#\d+ 11MB twice in the image: 2 files of layers below got another/),
    ]);
  },
);
