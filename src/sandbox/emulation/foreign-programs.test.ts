import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hostPlatform } from '../../core/platform.ts';
import { findEmulator } from './find-emulator.ts';
import { findRunnable, runnablePlatforms, type RunnableHost } from './foreign-programs.ts';
import { programFormat } from './program-format.ts';

const OWN = hostPlatform(process.arch);
/** One that no emulator of the host will ever be called for. */
const OTHER = { os: 'linux', architecture: OWN.architecture === 'mips64' ? 's390x' : 'mips64' };
const EMULATOR = OTHER.architecture === 's390x' ? 's390x' : 'mips64';
let dir: string;
let host: RunnableHost;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'foreign-'));
  mkdirSync(join(dir, 'handlers'));
  mkdirSync(join(dir, 'bin'));
  host = {
    architecture: OWN.architecture,
    kernel: '6.7.0',
    searchPath: join(dir, 'bin'),
    handlerDirectory: join(dir, 'handlers'),
  };
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A 64-bit program with one program header. */
function program(headerType: number): Buffer {
  const file = Buffer.alloc(120);
  file.write('7f454c460201', 0, 'hex');
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(headerType, 64);
  return file;
}

const PT_LOAD = 1;
const PT_INTERP = 3;

function install(name: string, bytes: Buffer): string {
  const file = join(dir, 'bin', name);
  writeFileSync(file, bytes, { mode: 0o755 });
  return file;
}

describe('findEmulator()', () => {
  const format = programFormat(OTHER.architecture) ?? expect.fail();

  test('takes the static program, under either of its names', () => {
    const plain = install(`qemu-${EMULATOR}`, program(PT_LOAD));
    const found = findEmulator(format, join(dir, 'bin'));
    // Where the host has one called -static, that one goes first.
    expect([plain, `/usr/bin/qemu-${EMULATOR}-static`]).toContain(found);
    const preferred = install(`qemu-${EMULATOR}-static`, program(PT_LOAD));
    expect(findEmulator(format, join(dir, 'bin'))).toBe(preferred);
  });

  test.each([
    ['needs a loader', program(PT_INTERP)],
    ['is a script', Buffer.from('#!/bin/sh\n')],
    ['is cut off', program(PT_LOAD).subarray(0, 70)],
    ['is empty', Buffer.alloc(0)],
  ])('passes over one that %s', (_, bytes) => {
    const file = install(`qemu-${EMULATOR}-static`, bytes);
    expect(findEmulator(format, join(dir, 'bin'))).not.toBe(file);
  });
});

describe('findRunnable()', () => {
  test('needs nothing for the processor of the host, whatever its variant', () => {
    expect(findRunnable({ ...OWN, variant: 'v3' }, host)).toEqual({ kind: 'native' });
  });

  test('takes a handler that is registered before anything else', () => {
    install(`qemu-${EMULATOR}-static`, program(PT_LOAD));
    const order = '7f454c4602020100000000000000000000020008';
    const magic = EMULATOR === 's390x' ? `${order.slice(0, -4)}0016` : order;
    writeFileSync(
      join(dir, 'handlers', 'x'),
      `enabled\ninterpreter /opt/emulator\nflags: PF\noffset 0\nmagic ${magic}\n`,
    );
    expect(findRunnable(OTHER, host)).toEqual({ kind: 'registered', interpreter: '/opt/emulator' });
  });

  test('takes an emulator that is not registered, from Linux 6.7 on', () => {
    const emulator = install(`qemu-${EMULATOR}-static`, program(PT_LOAD));
    expect(findRunnable(OTHER, host)).toEqual({ kind: 'emulated', emulator });
    expect(findRunnable(OTHER, { ...host, kernel: '6.6.30' })).toEqual({
      kind: 'impossible',
      reason: `"${emulator}" is not registered with the kernel, and Linux 6.6.30 wants that`,
      remedy:
        'Register it with the kernel, for example: apt-get install binfmt-support qemu-user-static',
    });
  });

  test.each([
    [{ os: 'windows', architecture: 'amd64' }, 'this host runs programs of Linux, not of windows'],
    [{ os: 'linux', architecture: 'pdp11' }, 'no emulator of "pdp11" is known'],
    [{ os: 'linux', architecture: 'constructor' }, 'no emulator of "constructor" is known'],
  ])('says why %j cannot be', (platform, reason) => {
    expect(findRunnable(platform, host)).toEqual({ kind: 'impossible', reason, remedy: undefined });
  });
});

describe('runnablePlatforms()', () => {
  test('has that of the host', () => {
    expect(runnablePlatforms(host)).toContainEqual({
      platform: `linux/${OWN.architecture}`,
      runnable: { kind: 'native' },
    });
  });
});
