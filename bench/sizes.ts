import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatBytes } from '../src/cli/format.ts';
import type { StageMeasure, WrittenImage } from '../src/events/event.ts';
import { BASE_IMAGES } from '../test/bases/base-images.ts';
import { FULL_IMAGES } from '../test/bases/full-images.ts';
import { ensureBase } from '../test/bases/make-base.ts';
import { openRig, type Rig } from '../test/support/cli.ts';
import { OTHER_EXAMPLES, SIZE_CLAIMS, type SizeClaim } from './size-claims.ts';

/*
 * Builds the examples in one stage and in several, and writes docs/sizes.md; exit status 1 when less is
 * saved than a text says and no reason is known:
 *
 *   npm run bench:sizes
 *
 * Base images are stand-ins made of Debian's packages, those of single stages with the same packages as
 * the official images. Needs root, Debian's mmdebstrap and busybox-static, and the package registries.
 */

const CHECKOUT = join(import.meta.dirname, '..');
const PAGE = join(CHECKOUT, 'docs/sizes.md');

/** What one build measured. */
interface Measured {
  readonly bytes: number;
  /** Of the heaviest stage that the image left behind; 0 when there is one stage only. */
  readonly heaviestBytes: number;
}

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

async function measure(example: string, file: string, rig: Rig): Promise<Measured> {
  const dir = join(CHECKOUT, 'examples', example);
  const dockerfile = join(dir, file);
  say(`building examples/${example}/${file}`);
  const words = ['build', '--progress=json', '-f', dockerfile, ...(await baseWords(dockerfile))];
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

function percent(before: number, after: number): string {
  return `${String(Math.floor(100 * (1 - after / before)))} %`;
}

function claimRow(claim: SizeClaim, single: Measured, multi: Measured): string {
  const cells = [
    claim.text,
    claim.name,
    claim.claimed.single,
    claim.claimed.multi,
    claim.claimed.reduction,
    formatBytes(single.bytes),
    formatBytes(multi.bytes),
    percent(single.bytes, multi.bytes),
    claim.reason ?? '',
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Measures each Dockerfile of an example once. */
function createMeasuring(rig: Rig): (example: string, file: string) => Promise<Measured> {
  const known = new Map<string, Measured>();
  return async (example, file) => {
    const key = `${example}/${file}`;
    const found = known.get(key) ?? (await measure(example, file, rig));
    known.set(key, found);
    return found;
  };
}

/** Throws when a reduction is not reached and {@link SIZE_CLAIMS} has no reason. */
function checkClaim(claim: SizeClaim, single: Measured, multi: Measured): void {
  const reached = Math.floor(100 * (1 - multi.bytes / single.bytes));
  const wanted = Number.parseInt(claim.claimed.reduction, 10);
  if (reached < wanted && claim.reason === undefined) {
    say(`${claim.text}: ${claim.name} reaches ${String(reached)} % of ${claim.claimed.reduction}`);
    process.exitCode = 1;
  }
}

function page(claims: readonly string[], others: readonly string[]): string {
  return `# What stages leave behind

Written by \`npm run bench:sizes\`, which builds the examples. Sizes are those of the unpacked layers, as \`stagecraft images\` shows them.

The base images are stand-ins made of Debian's packages. The ones of single stages have the packages of the official images (those are made of Debian, too); \`alpine\` is busybox, with Debian's C library where a program needs one. So the figures are close to those of the official images, but not the same.

## Against the tables of tutorials

| Text | Program | Its single stage | Its stages | Its reduction | One stage | Several stages | Reduction | Why less |
|---|---|---|---|---|---|---|---|---|
${claims.join('\n')}

## All examples

| Example | Dockerfile | Heaviest stage left behind | Image |
|---|---|---|---|
${others.join('\n')}
`;
}

/** Writes the page anew after each line, so that a run that is stopped leaves what it measured. */
async function main(): Promise<void> {
  await using rig = openRig();
  const measuring = createMeasuring(rig);
  const claims: string[] = [];
  const others: string[] = [];
  for (const claim of SIZE_CLAIMS) {
    const single = await measuring(claim.example, claim.single);
    const multi = await measuring(claim.example, claim.multi);
    checkClaim(claim, single, multi);
    claims.push(claimRow(claim, single, multi));
    writeFileSync(PAGE, page(claims, others));
  }
  for (const { example, file } of OTHER_EXAMPLES) {
    const { bytes, heaviestBytes } = await measuring(example, file);
    const left = heaviestBytes === 0 ? '-' : formatBytes(heaviestBytes);
    others.push(`| ${example} | ${file} | ${left} | ${formatBytes(bytes)} |`);
    writeFileSync(PAGE, page(claims, others));
  }
  say(`written: ${PAGE}`);
}

await main();
