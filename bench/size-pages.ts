import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatBytes } from '../src/cli/format.ts';
import type { BaseClaim, SizeClaim } from './size-claims.ts';

/** What one build measured. */
export interface Measured {
  /** Of the image, unpacked. */
  readonly bytes: number;
  /** Of the heaviest stage that the image left behind; 0 when there is one stage only. */
  readonly heaviestBytes: number;
}

/** One Dockerfile of an example. */
export interface MeasuredFile extends Measured {
  readonly example: string;
  readonly file: string;
}

/** A claim beside what was measured for it. */
export interface MeasuredClaim {
  readonly claim: SizeClaim;
  readonly single: Measured;
  readonly multi: Measured;
}

/** A base image beside what is said of it. */
export interface MeasuredBase {
  readonly claim: BaseClaim;
  readonly bytes: number;
}

/** Everything below this line of an example's README is written here. */
const MARK = '<!-- Written by `npm run bench:sizes`. -->\n';
const SINGLE = /^Dockerfile\.single/;

/** By how many percent `after` is less than `before`, rounded down. */
export function percentLess(before: number, after: number): number {
  return Math.floor(100 * (1 - after / before));
}

/** Writes the sizes of an example's Dockerfiles into its README. */
export function writeReadme(dir: string, files: readonly MeasuredFile[]): void {
  const path = join(dir, 'README.md');
  const [text = '', rest] = readFileSync(path, 'utf8').split(MARK);
  if (rest === undefined) throw new Error(`${path} has no line ${MARK}`);
  writeFileSync(path, `${text}${MARK}\n${sizesOf(files)}`);
}

function sizesOf(files: readonly MeasuredFile[]): string {
  const rows = files.map(({ file, bytes, heaviestBytes }) => [
    `\`${file}\``,
    formatBytes(bytes),
    leftBehind(heaviestBytes),
  ]);
  const single = files.find(({ file }) => SINGLE.test(file));
  const multi = files.find(({ file }) => file === 'Dockerfile');
  const saved =
    single === undefined || multi === undefined
      ? ''
      : `\nIn several stages: ${String(percentLess(single.bytes, multi.bytes))} % less than in one.\n`;
  return `${table(['Dockerfile', 'Image', 'Heaviest stage left behind'], rows)}${saved}`;
}

function leftBehind(bytes: number): string {
  return bytes === 0 ? '-' : formatBytes(bytes);
}

/** With columns as wide as their widest cell, as Prettier has them. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) =>
    Math.max(3, cell.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('');
}

/** The text of docs/sizes.md. */
export function sizesPage(
  claims: readonly MeasuredClaim[],
  bases: readonly MeasuredBase[],
  files: readonly MeasuredFile[],
  missing: readonly string[],
): string {
  const claimRows = claims.map(({ claim, single, multi }) => [
    claim.text,
    claim.name,
    claim.claimed.single,
    claim.claimed.multi,
    claim.claimed.reduction,
    formatBytes(single.bytes),
    formatBytes(multi.bytes),
    `${String(percentLess(single.bytes, multi.bytes))} %`,
  ]);
  const reasons = claims.flatMap(({ claim }) =>
    claim.reason === undefined ? [] : [`- ${claim.text}, ${claim.name}: ${claim.reason}\n`],
  );
  const head = ['Text', 'Program', 'Its one stage', 'Its stages', 'Its reduction'];
  return `# What stages leave behind

Written by \`npm run bench:sizes\`, which builds the examples. Sizes are those of the unpacked layers, as \`stagecraft images\` shows them.

The base images are stand-ins made of Debian's packages. \`node:18\`, \`python:3.11\` and \`golang:1.21\` have the packages of the official images, which are made of Debian, too; \`alpine\` is busybox, with Debian's C library where a program needs one. So the figures are close to those of the official images, but not the same.

## Against the tables of tutorials

${table([...head, 'One stage', 'Several stages', 'Reduction'], claimRows)}
${reasons.length === 0 ? '' : `Where less is saved than the text says:\n\n${reasons.join('')}`}
## Base images

${table(
  ['Image', 'In the texts', 'Stand-in'],
  bases.map(({ claim, bytes }) => [`\`${claim.name}\``, claim.claimed, formatBytes(bytes)]),
)}
## All examples

${table(
  ['Example', 'Dockerfile', 'Image', 'Heaviest stage left behind'],
  files.map(({ example, file, bytes, heaviestBytes }) => [
    `[${example}](../examples/${example}/README.md)`,
    `\`${file}\``,
    formatBytes(bytes),
    leftBehind(heaviestBytes),
  ]),
)}${missing.length === 0 ? '' : `\nNot measured yet (\`npm run bench:sizes -- --missing\`): ${missing.join(', ')}.\n`}`;
}
