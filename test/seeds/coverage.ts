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

/**
 * Compares a text with the cases of it: below each heading, its instructions have to be those of the
 * cases for the heading, in the same order; the cases may have more. Commands have to be in a scenario.
 */
export function coverageOf(document: SeedDocument, sections: readonly DocumentSection[]): Coverage {
  const missing = sections.flatMap((section) => [
    ...missingInstructions(section, SEED_CASES[document]),
    ...missingCommands(document, section),
  ]);
  const known = new Set(sections.map(({ heading }) => heading));
  const lost = SEED_CASES[document].filter(({ section }) => !known.has(section));
  return {
    document,
    instructions: sections.flatMap(({ instructions }) => instructions).length,
    commands: sections.flatMap(({ commands }) => commands).length,
    missing: [
      ...missing,
      ...lost.map(({ section, title }) => `case "${title}": no heading "${section}"`),
    ],
  };
}

function missingInstructions(
  { heading, instructions }: DocumentSection,
  cases: readonly SeedCase[],
): string[] {
  const own = cases.filter(({ section }) => section === heading);
  const replaced = new Map(
    own.flatMap((each) => (each.replaced ?? []).map(({ text, by }) => [text, by])),
  );
  const built = own.flatMap(({ dockerfile }) => instructionsIn(dockerfile.split('\n')));
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

function missingCommands(document: SeedDocument, section: DocumentSection): string[] {
  const covered = new Set(
    SEED_COMMANDS.filter((scenario) => scenario.document === document).flatMap(({ steps }) =>
      steps.map(({ text }) => text),
    ),
  );
  return section.commands
    .filter((text) => !covered.has(text))
    .map((text) => `${section.heading}: ${text}`);
}
