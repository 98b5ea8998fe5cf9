import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRig, type Rig } from '../support/cli.ts';
import { PROGRAM } from '../support/program.ts';

const CHECKOUT = dirname(dirname(PROGRAM));
const GUIDE = readFileSync(join(CHECKOUT, 'docs/guide/build-from-code.md'), 'utf8');
const TSC = join(CHECKOUT, 'node_modules/typescript/bin/tsc');
const TYPES = join(CHECKOUT, 'node_modules/@types');

/** The first block of the guide in a language. */
function example(language: string): string {
  const text = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'm').exec(GUIDE)?.[1];
  if (text === undefined) throw new Error(`No example in ${language}`);
  return text;
}

let rig: Rig;
let project: string;

beforeAll(() => {
  rig = openRig();
  project = rig.context({
    'package.json': '{}',
    Dockerfile:
      'FROM scratch AS production\nARG VERSION\nLABEL version=$VERSION\nCOPY package.json /\n',
  });
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(CHECKOUT, join(project, 'node_modules/stagecraft'));
});

afterAll(() => rig[Symbol.asyncDispose]());

function runNode(name: string, text: string): ReturnType<Rig['run']> {
  writeFileSync(join(project, name), text);
  return rig.run([join(project, name)], { program: process.execPath, cwd: project });
}

// An ordinary user's own process is not root of a namespace.
describe.runIf(process.getuid?.() === 0)('the guide to building from code', () => {
  test('has an example that builds', async () => {
    const { status, stdout, stderr } = await runNode('example.mjs', example('js'));
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^step \d runs: never-built\nimage sha256:[0-9a-f]{64}\n$/);
    expect(readFileSync(join(project, 'app.tar')).length).toBeGreaterThan(1024);
  });

  test('has an example that tells an error by its code', async () => {
    const text = example('js').replace("'production'", "'prodution'");
    const { status, stderr } = await runNode('failing.mjs', text);
    expect(status, stderr).toBe(1);
    expect(stderr).toMatch(
      /^TARGET_NOT_FOUND\nerror\[TARGET_NOT_FOUND\]: [^]*hint: Did you mean "production"\?\n$/,
    );
  });

  test('is right about require()', async () => {
    const text =
      "require('stagecraft').build({ context: '.' }).then(({ images }) => console.log(images.length));";
    const { status, stdout, stderr } = await runNode('required.cjs', text);
    expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: '1\n' });
  });
});

test.each([
  ['node16', 'node16'],
  ['esnext', 'bundler'],
])('The types are found with module %s and moduleResolution %s', (module, resolution) => {
  const file = join(project, 'types.mts');
  writeFileSync(file, example('ts'));
  const flags = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node', '--typeRoots'];
  const words = [...flags, TYPES, '--module', module, '--moduleResolution', resolution, file];
  const output = (): string =>
    execFileSync(process.execPath, [TSC, ...words], { cwd: project }).toString();
  expect(output()).toBe('');
});
