import { closeSync, readSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { expect, test } from 'vitest';
import { runProcess } from './child-process.ts';
import { openPseudoTerminal, setTerminalSize, writeWhole } from './pseudo-terminal.ts';

test('openPseudoTerminal() joins what is typed and what programs read and write', () => {
  const { masterFd, slaveFd } = openPseudoTerminal();
  const bytes = Buffer.alloc(100);
  writeWhole(masterFd, Buffer.from('typed\n'));
  expect(bytes.toString('utf8', 0, readSync(slaveFd, bytes))).toBe('typed\n');
  writeSync(slaveFd, 'shown');
  // A terminal echoes what is typed, and a read may end anywhere.
  let screen = '';
  while (!screen.endsWith('shown')) screen += bytes.toString('utf8', 0, readSync(masterFd, bytes));
  expect(screen).toBe('typed\r\nshown');
  expect([isatty(masterFd), isatty(slaveFd)]).toEqual([true, true]);
  for (const fd of [slaveFd, masterFd]) closeSync(fd);
});

test('setTerminalSize() is what programs in the terminal see', async () => {
  const { masterFd, slaveFd } = openPseudoTerminal();
  setTerminalSize(masterFd, 123, 45);
  const file = `/proc/${process.pid}/fd/${slaveFd}`;
  const request = { program: '/bin/sh', args: ['-c', `stty size < ${file}`] };
  const { stdout } = await runProcess(request, new AbortController().signal);
  for (const fd of [slaveFd, masterFd]) closeSync(fd);
  expect(stdout.toString()).toBe('45 123\n');
});

test('writeWhole() drops what nobody can read any more', () => {
  const { masterFd, slaveFd } = openPseudoTerminal();
  closeSync(slaveFd);
  expect(() => {
    writeWhole(masterFd, Buffer.from('typed'));
  }).not.toThrow();
  closeSync(masterFd);
});
