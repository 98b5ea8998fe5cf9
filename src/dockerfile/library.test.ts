import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ENTRY = fileURLToPath(new URL('index.ts', import.meta.url));
const GUIDE = fileURLToPath(new URL('../../docs/guide/library.md', import.meta.url));

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stagecraft-library-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** Bundles for browsers: an import of Node's would fail, as a browser has none. */
async function bundle(
  entry: string,
  format: 'esm' | 'iife' = 'esm',
): Promise<{ text: string; inputs: readonly string[] }> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format,
    ...(format === 'iife' ? { globalName: 'library' } : {}),
    logLevel: 'silent',
    alias: { 'stagecraft/dockerfile': ENTRY },
  });
  const text = result.outputFiles[0]?.text ?? '';
  return { text, inputs: Object.keys(result.metafile.inputs) };
}

test('stagecraft/dockerfile can be bundled for browsers, and imports nothing of Node', async () => {
  const { text, inputs } = await bundle(ENTRY);
  expect(text).not.toMatch(/\bnode:/);
  const folders = new Set(inputs.map((path) => /src\/(\w+)\//.exec(path)?.[1]));
  expect([...folders].sort()).toEqual(['core', 'dockerfile']);
});

test('the bundle works where there are no globals of Node', async () => {
  const { text } = await bundle(ENTRY, 'iife');
  const script = `${text};
    const { ast } = library.parseDockerfile({ path: 'Dockerfile', text: 'FROM a AS B\\nENV A=$B' });
    const ignore = library.parseIgnoreFile({ path: '.dockerignore', text: '*.log' });
    const found = library.lintDockerfile(ast, { ignoreMatcher: ignore.matcher });
    [library.printDockerfile(ast).trim(), ...found.map(({ message }) => message)].join('\\n');`;
  // An empty context has the language alone; this is all that browsers add for it.
  const answer: unknown = runInNewContext(script, { TextEncoder, TextDecoder });
  expect(answer).toBe("FROM a AS B\nENV A=$B\nStage name 'B' should be lowercase");
});

test('the example in the guide says what the guide says', async () => {
  const guide = readFileSync(GUIDE, 'utf8');
  const [, example = ''] = /```ts\n([^]*?)```/.exec(guide) ?? [];
  const [, expected = ''] = /```json\n([^]*?)```/.exec(guide) ?? [];
  const entry = join(directory, 'example.ts');
  writeFileSync(entry, example);
  const file = join(directory, 'example.mjs');
  writeFileSync(file, (await bundle(entry)).text);
  const module: { report?: unknown } = (await import(pathToFileURL(file).href)) as object;
  expect(module.report).toEqual(JSON.parse(expected));
});

test('the guide names every function of the library', async () => {
  const guide = readFileSync(GUIDE, 'utf8');
  const library: object = await import('./index.ts');
  const named = [...guide.matchAll(/^\| `(\w+)\(/gm)].map(([, name]) => name);
  expect(named.sort()).toEqual(Object.keys(library).sort());
});
