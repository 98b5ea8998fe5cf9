import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StageMeasure, WrittenImage } from '../src/events/event.ts';
import { BASE_IMAGES } from '../test/bases/base-images.ts';
import { FULL_IMAGES } from '../test/bases/full-images.ts';
import { ensureBase } from '../test/bases/make-base.ts';
import { openRig, type Rig } from '../test/support/cli.ts';
import { BASE_CLAIMS, SIZE_CLAIMS } from './size-claims.ts';
import {
  percentLess,
  sizesPage,
  writeReadme,
  type Measured,
  type MeasuredBase,
  type MeasuredClaim,
  type MeasuredFile,
} from './size-pages.ts';

/*
 * Builds the examples in one stage and in several, and writes docs/sizes.md and the sizes in the READMEs
 * of the examples; exit status 1 when less is saved than a text says and no reason is known:
 *
 *   npm run bench:sizes [-- --missing]
 *
 * With `--missing`, only what bench/sizes.json does not have yet.
 *
 * Base images are stand-ins made of Debian's packages, those of single stages with the same packages as
 * the official images. Needs root, Debian's mmdebstrap and busybox-static, and the package registries.
 */

const CHECKOUT = join(import.meta.dirname, '..');
const PAGE = join(CHECKOUT, 'docs/sizes.md');
const KNOWN = join(import.meta.dirname, 'sizes.json');
const EXAMPLES = join(CHECKOUT, 'examples');

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** `--build-context` for each image that a Dockerfile names. */
async function baseWords(dockerfile: string): Promise<string[]> {
  const text = readFileSync(dockerfile, 'utf8');
  const named = [...text.matchAll(/(?:^FROM(?: --platform=\S+)? |--from=)(\S+)/gm)];
  const words: string[] = [];
  for (const name of new Set(named.map(([, found = '']) => found))) {
    const tagged = name.includes(':') ? name : `${name}:latest`;
    const image = [...FULL_IMAGES, ...BASE_IMAGES].find(({ names }) => names.includes(tagged));
    if (image === undefined) continue;
    words.push('--build-context', `${name}=oci-layout://${await ensureBase(image, say)}`);
  }
  return words;
}

async function measure(dir: string, file: string, rig: Rig): Promise<Measured> {
  const dockerfile = join(dir, file);
  const bases = await baseWords(dockerfile);
  const words = ['build', '--progress=json', '--ca-cert', 'host', '-f', dockerfile, ...bases];
  const { stderr } = await rig.run([...words, dir]);
  const events = stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map(
      (line) =>
        JSON.parse(line) as {
          readonly image?: WrittenImage;
          readonly stages?: readonly StageMeasure[];
        },
    );
  const bytes = events.find(({ image }) => image !== undefined)?.image?.bytes;
  if (bytes === undefined) throw new Error(`No image of ${dockerfile}:\n${stderr.slice(-2000)}`);
  const others = events.flatMap(({ stages = [] }) => stages).filter(({ isTarget }) => !isTarget);
  return { bytes, heaviestBytes: Math.max(0, ...others.map(({ totalBytes }) => totalBytes)) };
}

/** What was measured, by `example/file` or name of a base image. In the repository, so that runs add up. */
type Known = Record<string, Measured>;

function readKnown(): Known {
  const isNeeded = process.argv.includes('--missing') && existsSync(KNOWN);
  return isNeeded ? (JSON.parse(readFileSync(KNOWN, 'utf8')) as Known) : {};
}

/** Complains when a reduction is not reached and has no reason, or has a reason and is reached. */
function checkClaim({ claim, single, multi }: MeasuredClaim): void {
  const reached = percentLess(single.bytes, multi.bytes);
  const isReached = reached >= Number.parseInt(claim.claimed.reduction, 10);
  if (isReached === (claim.reason === undefined)) return;
  const said = `${String(reached)} %, said are ${claim.claimed.reduction}`;
  say(`${claim.text}: ${claim.name}: ${said}; reason: ${claim.reason ?? 'none'}`);
  process.exitCode = 1;
}

function exampleFiles(): readonly { readonly example: string; readonly file: string }[] {
  return listNames(EXAMPLES)
    .filter((example) => statSync(join(EXAMPLES, example)).isDirectory())
    .flatMap((example) =>
      listNames(join(EXAMPLES, example))
        .filter((file) => file.startsWith('Dockerfile'))
        .map((file) => ({ example, file })),
    );
}

function listNames(dir: string): readonly string[] {
  return readdirSync(dir).sort();
}

/** Writes the pages of what is known; gives the claims that are. */
function writePages(known: Known): readonly MeasuredClaim[] {
  writeFileSync(KNOWN, `${JSON.stringify(known, undefined, 2)}\n`);
  const claims = SIZE_CLAIMS.flatMap((claim): MeasuredClaim[] => {
    const [single, multi] = [claim.single, claim.multi].map(
      (file) => known[`${claim.example}/${file}`],
    );
    return single === undefined || multi === undefined ? [] : [{ claim, single, multi }];
  });
  const bases = BASE_CLAIMS.flatMap((claim): MeasuredBase[] => {
    const found = known[claim.name];
    return found === undefined ? [] : [{ claim, bytes: found.bytes }];
  });
  const all = exampleFiles();
  const files = all.flatMap(({ example, file }): MeasuredFile[] => {
    const found = known[`${example}/${file}`];
    return found === undefined ? [] : [{ example, file, ...found }];
  });
  const missing = all.filter(({ example, file }) => known[`${example}/${file}`] === undefined);
  const names = missing.map(({ example, file }) => `${example}/${file}`);
  writeFileSync(PAGE, sizesPage(claims, bases, files, names));
  for (const example of new Set(files.map((each) => each.example))) {
    writeReadme(
      join(EXAMPLES, example),
      files.filter((each) => each.example === example),
    );
  }
  return claims;
}

async function main(): Promise<void> {
  await using rig = openRig();
  const known = readKnown();
  for (const { name } of BASE_CLAIMS) {
    if (known[name] !== undefined) continue;
    say(`measuring ${name}`);
    const context = rig.context({ Dockerfile: `FROM ${name}\n` });
    known[name] = await measure(context, 'Dockerfile', rig);
    writePages(known);
  }
  for (const { example, file } of exampleFiles()) {
    const key = `${example}/${file}`;
    if (known[key] !== undefined) continue;
    say(`building examples/${key}`);
    known[key] = await measure(join(EXAMPLES, example), file, rig);
    writePages(known);
  }
  for (const claim of writePages(known)) checkClaim(claim);
  say(`written: ${PAGE} and the sizes in ${EXAMPLES}/*/README.md`);
}

await main();
