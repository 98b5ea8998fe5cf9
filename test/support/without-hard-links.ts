import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROGRAM } from './program.ts';

/** What a file system says that has no hard links: that of FAT, and that of some in user space. */
const NO_LINK_ERRORS = { EPERM: 1, EOPNOTSUPP: 95 } as const;

/** Numbers of link(2) and linkat(2). */
const CALLS: Readonly<Record<string, readonly number[]>> = { x64: [86, 265], arm64: [37] };

/** Whether commands can be started so that nothing gets a second name here. */
export function canRunWithoutHardLinks(): boolean {
  return process.arch in CALLS && spawnSync('bwrap', ['--version']).status === 0;
}

/**
 * Makes a program in `dir` that is the command, but for what it starts nothing has hard links: the kernel
 * answers with `error`, as it would for all files of such a file system.
 */
export function programWithoutHardLinks(dir: string, error: keyof typeof NO_LINK_ERRORS): string {
  const calls = CALLS[process.arch] ?? [];
  const filter = join(dir, `no-links-${error}`);
  // Classic BPF (linux/filter.h): the number of the call, compared with each, and what becomes of it.
  const loadNumber = instruction(0x20, 0, 0, 0);
  const compare = calls.map((call, i) => instruction(0x15, calls.length - i, 0, call));
  const allow = instruction(0x06, 0, 0, 0x7fff0000);
  const refuse = instruction(0x06, 0, 0, 0x50000 | NO_LINK_ERRORS[error]);
  writeFileSync(filter, Buffer.concat([loadNumber, ...compare, allow, refuse]));
  const program = `${filter}.sh`;
  const words = `bwrap --dev-bind / / --cap-add ALL --seccomp 7 "${PROGRAM}" "$@" 7<"${filter}"`;
  writeFileSync(program, `#!/bin/sh\nexec ${words}\n`, { mode: 0o755 });
  return program;
}

function instruction(code: number, ifTrue: number, ifFalse: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(ifTrue, 2);
  bytes.writeUInt8(ifFalse, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}
