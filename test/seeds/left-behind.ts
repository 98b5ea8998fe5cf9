import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SeedCase } from './seed-case.ts';
import type { SeedRig } from './run-case.ts';

/** A case that was built. */
export interface BuiltCase {
  readonly context: string;
  /** The numbers of the stages that were built. */
  readonly stages: readonly number[];
}

const STAGE = 'left-behind';
const FROM = /^FROM .*$/gm;
const SOURCE = /--from=(\S+)/g;
const NAMED = /^FROM .* AS (\S+)/gim;
const COMPLAINT = 'never there:';
/** As a step printed it. */
const PRINTED = new RegExp(`^#\\d+ [\\d.]+ (${COMPLAINT} .*)$`);

/**
 * Checks that what an image lacks was there to be left behind: each path of `lacks` has to be in a stage
 * that was built, in an image that files are copied from, or in the directory of the context, perhaps
 * below another directory. Else a mistyped path would always be missing. Gives complaints.
 */
export async function checkLeftBehind(
  { rig, flags: seedFlags, filesUrl }: SeedRig,
  { dockerfile, lacks = [], flags = [] }: SeedCase,
  { context, stages }: BuiltCase,
): Promise<readonly string[]> {
  const wanted = lacks.filter((path) => !isInContext(context, path));
  if (wanted.length === 0) return [];
  const named = nameStages(dockerfile.replaceAll('FILES', filesUrl));
  const built = stages.map((index) => named.names[index] ?? '');
  const sources = [...built, ...foreignImages(dockerfile)];
  const mounts = sources.map(
    (from, at) => `--mount=type=bind,from=${from},target=/from/${String(at)}`,
  );
  const script = `for path in ${wanted.join(' ')}; do for found in /from/*/$path /from/*/*/\${path#*/}; do \
if [ -e $found ] || [ -L $found ]; then continue 2; fi; done; echo ${COMPLAINT} $path; done`;
  const file = `${context}.${STAGE}`;
  const check = `FROM busybox AS ${STAGE}\nRUN ${mounts.join(' ')} ${script}\n`;
  writeFileSync(file, `${named.dockerfile}\n${check}`);
  const target = flags.indexOf('--target');
  const own = target === -1 ? flags : flags.toSpliced(target, 2);
  const words = ['--progress=plain', '--no-cache-filter', STAGE, ...seedFlags, ...own];
  const result = await rig.run(['build', ...words, '-f', file, '--target', STAGE, context]);
  if (result.status !== 0) return [`what is left behind cannot be seen:\n${result.stderr}`];
  return result.stderr
    .split('\n')
    .map((line) => PRINTED.exec(line)?.[1])
    .filter((complaint) => complaint !== undefined);
}

/** Mounts take names of stages and no numbers, so stages without a name get one. */
function nameStages(dockerfile: string): {
  readonly dockerfile: string;
  readonly names: readonly string[];
} {
  const names: string[] = [];
  const text = dockerfile.replaceAll(FROM, (line) => {
    const name = / AS (\S+)/i.exec(line)?.[1];
    names.push(name ?? `unnamed-${String(names.length)}`);
    return name === undefined ? `${line} AS ${names.at(-1) ?? ''}` : line;
  });
  return { dockerfile: text, names };
}

function isInContext(context: string, path: string): boolean {
  return [path, path.slice(path.indexOf('/') + 1)].some((each) => existsSync(join(context, each)));
}

/** The images that files are copied from, apart from stages. */
function foreignImages(dockerfile: string): readonly string[] {
  const stages = new Set([...dockerfile.matchAll(NAMED)].map(([, name = '']) => name));
  const named = [...dockerfile.matchAll(SOURCE)].map(([, name = '']) => name);
  return [...new Set(named)].filter((name) => !stages.has(name) && !/^\d+$/.test(name));
}
