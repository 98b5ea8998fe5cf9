import { chownSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRig, type Rig } from '../support/cli.ts';
import { installProgram } from '../support/installed-program.ts';
import { makeOrdinaryUser } from '../support/ordinary-user.ts';
import { PROGRAM } from '../support/program.ts';

const FILES = { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' };

let rig: Rig;

beforeAll(() => {
  rig = openRig();
});

afterAll(() => rig[Symbol.asyncDispose]());

test('A working directory that was removed is told as such', async () => {
  const gone = join(rig.dir, 'gone');
  mkdirSync(gone);
  const script = 'rmdir "$1"; exec "$2" build -q .';
  const words = ['-c', script, 'sh', gone, PROGRAM];
  const { status, stderr } = await rig.run(words, { program: 'sh', cwd: gone });
  expect(status, stderr).toBe(6);
  expect(stderr).toContain(
    'error[WORKING_DIRECTORY_GONE]: Cannot work here: the working directory is not there any more\n  hint: Change to a directory that exists, for example: cd ~\n',
  );
});

test('A Dockerfile that is a link to nothing is told as such, and not suggested instead of itself', async () => {
  const context = rig.context(FILES);
  symlinkSync('nowhere', join(context, 'Link'));
  const { status, stderr } = await rig.run(['build', '-f', 'Link', '.'], { cwd: context });
  expect(status, stderr).toBe(3);
  expect(stderr).toContain(
    'Cannot read Dockerfile "Link": it is a link to a file that is not there',
  );
  expect(stderr).not.toContain('Did you mean');
});

test('A push without a name is refused before anything is built', async () => {
  const context = rig.context(FILES);
  const { status, stderr } = await rig.run(['build', '--push', '--progress=plain', context]);
  expect(status, stderr).toBe(2);
  expect(stderr).toBe(
    'error[UNSUPPORTED]: Cannot export to a registry: the image has no name\n  hint: Add name= or a tag.\n',
  );
});

describe.runIf(process.getuid?.() === 0)('an ordinary user', () => {
  test('needs no HOME', async () => {
    const home = join(rig.dir, 'of-user');
    mkdirSync(home);
    const program = installProgram(join(rig.dir, 'installed'));
    using user = makeOrdinaryUser(home);
    chownSync(home, user.uid, user.uid);
    const [first, ...rest] = user.prefix;
    // Reaching a registry reads credentials, below the home.
    const context = rig.context({ Dockerfile: 'FROM 127.0.0.1:1/none\n' });
    const root = join(home, 'store');
    const words = [...rest, 'env', '-u', 'HOME', program, 'build', '-q', '--root', root, context];
    const { status, stderr } = await rig.run(words, { program: first });
    expect(status, stderr).toBe(5);
    expect(stderr).toContain('error[REGISTRY_UNREACHABLE]');
  });
});
