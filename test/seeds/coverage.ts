import { SEED_CASES } from './cases/all.ts';
import { SEED_COMMANDS } from './command-scenarios.ts';
import { instructionsIn, type DocumentSection } from './documents.ts';
import type { SeedCase, SeedDocument } from './seed-case.ts';

/** How much of a text the cases build. */
export interface Coverage {
  readonly document: SeedDocument;
  readonly instructions: number;
  readonly commands: number;
  /** What no case has, with its heading. */
  readonly missing: readonly string[];
}

/** The numbers of the stages that a case built; undefined where it was not run. */
type BuiltStages = (seed: SeedCase) => readonly number[] | undefined;

/**
 * Compares a text with the cases of it: below each heading, its instructions have to be those that the
 * cases for the heading build, in the same order; the cases may have more. What a case has in a stage
 * that it does not build does not count, nor do cases that are refused. Commands have to be in a
 * scenario for the heading.
 */
export function coverageOf(
  document: SeedDocument,
  sections: readonly DocumentSection[],
  builtStages: BuiltStages = () => undefined,
): Coverage {
  const missing = sections.flatMap((section) => [
    ...missingInstructions(section, SEED_CASES[document], builtStages),
    ...missingCommands(document, section),
  ]);
  const idle = SEED_CASES[document].filter((seed) => !isChecked(seed));
  const known = new Set(sections.map(({ heading }) => heading));
  const lost = SEED_CASES[document].filter(({ section }) => !known.has(section));
  return {
    document,
    instructions: sections.flatMap(({ instructions }) => instructions).length,
    commands: sections.flatMap(({ commands }) => commands).length,
    missing: [
      ...missing,
      ...lost.map(({ section, title }) => `case "${title}": no heading "${section}"`),
      ...idle.map(({ title }) => `case "${title}": is not run, or no file of it is looked for`),
    ],
  };
}

/** Whether a case says what runs and what is in the image, or how it is refused. */
function isChecked({ fails, service, program, has, lacks, without }: SeedCase): boolean {
  if (fails !== undefined) return fails.length > 0;
  const paths = [has, lacks, without].flatMap((each) => each ?? []);
  return (service ?? program) !== undefined && paths.length > 0;
}

function missingInstructions(
  { heading, instructions }: DocumentSection,
  cases: readonly SeedCase[],
  builtStages: BuiltStages,
): string[] {
  const own = cases.filter(({ section, fails }) => section === heading && fails === undefined);
  const replaced = new Map(
    own.flatMap((each) => (each.replaced ?? []).map(({ text, by }) => [text, by])),
  );
  const built = own.flatMap((each) => builtInstructions(each, builtStages(each)));
  let from = 0;
  return instructions.flatMap((text) => {
    const at = [text, replaced.get(text)]
      .map((wanted) => (wanted === undefined ? -1 : built.indexOf(wanted, from)))
      .find((index) => index >= 0);
    if (at === undefined) return [`${heading}: ${text}`];
    from = at + 1;
    return [];
  });
}

/** Instructions before the first FROM belong to all stages. */
function builtInstructions(
  { dockerfile }: SeedCase,
  stages: readonly number[] | undefined,
): readonly string[] {
  let stage = -1;
  return instructionsIn(dockerfile.split('\n')).filter((text) => {
    if (text.startsWith('FROM ')) stage++;
    return stage === -1 || stages === undefined || stages.includes(stage);
  });
}

function missingCommands(document: SeedDocument, section: DocumentSection): string[] {
  const covered = new Set(
    SEED_COMMANDS.filter(
      (scenario) => scenario.document === document && scenario.section === section.heading,
    ).flatMap(({ steps }) => steps.map(({ text }) => text)),
  );
  return section.commands
    .filter((text) => !covered.has(text))
    .map((text) => `${section.heading}: ${text}`);
}
