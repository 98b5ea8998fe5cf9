import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
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
 *   npm run bench:sizes
 *
 * Base images are stand-ins made of Debian's packages, those of single stages with the same packages as
 * the official images. Needs root, Debian's mmdebstrap and busybox-static, and the package registries.
 */

const CHECKOUT = join(import.meta.dirname, '..');
const PAGE = join(CHECKOUT, 'docs/sizes.md');
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

function measureExample(example: string, file: string, rig: Rig): Promise<Measured> {
  say(`building examples/${example}/${file}`);
  return measure(join(EXAMPLES, example), file, rig);
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

/** Measures each Dockerfile of an example once. */
function createMeasuring(rig: Rig): (example: string, file: string) => Promise<Measured> {
  const known = new Map<string, Measured>();
  return async (example, file) => {
    const key = `${example}/${file}`;
    const found = known.get(key) ?? (await measureExample(example, file, rig));
    known.set(key, found);
    return found;
  };
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

async function main(): Promise<void> {
  await using rig = openRig();
  const measuring = createMeasuring(rig);
  const claims: MeasuredClaim[] = [];
  for (const claim of SIZE_CLAIMS) {
    const single = await measuring(claim.example, claim.single);
    const multi = await measuring(claim.example, claim.multi);
    claims.push({ claim, single, multi });
  }
  const bases: MeasuredBase[] = [];
  for (const claim of BASE_CLAIMS) {
    const context = rig.context({ Dockerfile: `FROM ${claim.name}\n` });
    bases.push({ claim, bytes: (await measure(context, 'Dockerfile', rig)).bytes });
  }
  const files: MeasuredFile[] = [];
  for (const { example, file } of exampleFiles()) {
    files.push({ example, file, ...(await measuring(example, file)) });
  }
  writeFileSync(PAGE, sizesPage(claims, bases, files));
  for (const example of new Set(files.map((each) => each.example))) {
    writeReadme(
      join(EXAMPLES, example),
      files.filter((each) => each.example === example),
    );
  }
  for (const claim of claims) checkClaim(claim);
  say(`written: ${PAGE} and the sizes in ${EXAMPLES}/*/README.md`);
}

await main();
