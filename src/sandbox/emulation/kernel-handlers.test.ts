import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { handlerFor, parseHandler, readHandlers, registration } from './kernel-handlers.ts';
import { programFormat, type ProgramFormat } from './program-format.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'handlers-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function format(architecture: string): ProgramFormat {
  return programFormat(architecture) ?? expect.fail();
}

/** As the kernel shows a handler. */
function shown(change: { readonly state?: string; readonly flags?: string } = {}): string {
  return [
    change.state ?? 'enabled',
    'interpreter /usr/bin/qemu-aarch64-static',
    `flags: ${change.flags ?? 'OCF'}`,
    'offset 0',
    'magic 7f454c460201010000000000000000000200b700',
    'mask ffffffffffffff00fffffffffffffffffeffffff',
    '',
  ].join('\n');
}

describe('handlers of the kernel', () => {
  test('are found by the programs that they are for', () => {
    writeFileSync(join(dir, 'qemu-aarch64'), shown());
    writeFileSync(join(dir, 'status'), 'enabled\n');
    writeFileSync(
      join(dir, 'java'),
      'enabled\ninterpreter /usr/bin/java\nflags: \nextension .jar\n',
    );
    const handlers = readHandlers(dir);
    expect(handlers.map(({ name }) => name)).toEqual(['qemu-aarch64']);
    expect(handlerFor(handlers, format('arm64'))?.interpreter).toBe('/usr/bin/qemu-aarch64-static');
    for (const other of ['amd64', 'arm', 'riscv64', 's390x', 'ppc64', 'mips64']) {
      expect(handlerFor(handlers, format(other))).toBeUndefined();
    }
  });

  test.each([
    ['is switched off', { state: 'disabled' }],
    ['would have to be in the file system of the step', { flags: 'OC' }],
  ])('do not count when one %s', (_, change) => {
    const handler = parseHandler('qemu-aarch64', shown(change));
    expect(handler && handlerFor([handler], format('arm64'))).toBeUndefined();
  });

  test('are none where the kernel has none', () => {
    expect(readHandlers(join(dir, 'missing'))).toEqual([]);
  });

  test.each(['', 'enabled', 'enabled\ninterpreter /x\nmagic zz\n'])(
    'are not made of %j',
    (text) => {
      expect(parseHandler('x', text)).toBeUndefined();
    },
  );
});

describe('registration()', () => {
  test('says the header of programs, what of it counts, and the emulator', () => {
    expect(registration('qemu-aarch64', format('arm64'), '/usr/bin/qemu-aarch64-static')).toBe(
      String.raw`:qemu-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00` +
        String.raw`:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff` +
        ':/usr/bin/qemu-aarch64-static:POCF',
    );
  });

  test('turns halves around for processors with the high byte first', () => {
    expect(registration('q', format('s390x'), '/q')).toContain(String.raw`\x00\x02\x00\x16:`);
    expect(registration('q', format('s390x'), '/q')).toContain(String.raw`\xff\xfe\xff\xff:/q`);
  });
});
