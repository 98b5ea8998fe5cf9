import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SEED_DOCUMENTS, type SeedDocument } from './seed-case.ts';

/** The instructions and commands that stand below one heading of a text. */
export interface DocumentSection {
  readonly heading: string;
  /** Continuation lines joined, each run of blanks one blank. */
  readonly instructions: readonly string[];
  /** Lines that begin with `docker`, or with variables before it; and requests by `curl`. */
  readonly commands: readonly string[];
}

/** Where the texts are: they are not part of this project. */
const DIRECTORY =
  process.env['STAGECRAFT_SEED_DOCUMENTS'] ?? join(import.meta.dirname, '../../../shared/seeds');
const INSTRUCTION =
  /^(?:ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)\s/;
const COMMAND = /^(?:[A-Z_]+=\S+ )?(?:docker|curl) /;
/** Of Markdown, and of the text whose headings have only numbers. */
const MARKDOWN_HEADING = /^#{2,4} (.*)$/;
const NUMBERED_HEADING = /^(\d+\. .*)$/;

/** The texts, or undefined where they are not. */
export function readDocuments(): ReadonlyMap<SeedDocument, readonly DocumentSection[]> | undefined {
  if (!existsSync(DIRECTORY)) return undefined;
  const names = readdirSync(DIRECTORY).sort();
  if (names.length !== SEED_DOCUMENTS.length) {
    throw new Error(`${String(names.length)} files in ${DIRECTORY}, not one for each text`);
  }
  return new Map(
    SEED_DOCUMENTS.map((document, index) => {
      const text = readFileSync(join(DIRECTORY, names[index] ?? ''), 'utf8');
      return [document, splitSections(text)];
    }),
  );
}

function splitSections(text: string): readonly DocumentSection[] {
  const isMarkdown = text.includes('```');
  const sections = [{ heading: '', lines: [] as string[] }];
  let isInside = false;
  for (const raw of text.split('\n')) {
    if (raw.startsWith('```')) isInside = !isInside;
    // Elsewhere, lines between bars are tables.
    const line = isInside ? stripFrame(raw) : raw.trim();
    const pattern = isMarkdown ? MARKDOWN_HEADING : NUMBERED_HEADING;
    const heading = isInside ? undefined : pattern.exec(line)?.[1];
    if (heading === undefined) sections.at(-1)?.lines.push(line);
    else sections.push({ heading: heading.trim(), lines: [] });
  }
  return sections.map(({ heading, lines }) => ({
    heading,
    instructions: instructionsIn(lines),
    commands: lines.filter((line) => COMMAND.test(line)).map(collapse),
  }));
}

/** Without the frames that one text draws around its examples. */
function stripFrame(line: string): string {
  let text = line.trim();
  while (/^\|.*\|$/.test(text)) text = text.slice(1, -1).trim();
  return text;
}

/** The instructions in lines of a Dockerfile, or of prose around parts of one. */
export function instructionsIn(lines: readonly string[]): readonly string[] {
  const found: string[] = [];
  let open: string | undefined;
  for (const line of lines.map((each) => each.trim())) {
    if (open === undefined && !INSTRUCTION.test(line)) continue;
    const text: string = open === undefined ? line : `${open} ${line}`;
    open = text.endsWith('\\') ? text.slice(0, -1) : undefined;
    if (open === undefined) found.push(collapse(text));
  }
  return found;
}

function collapse(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
