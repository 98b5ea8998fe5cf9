import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DifferentialCase, Expectation } from './case.ts';
import { compareImages, type Difference } from './compare.ts';
import type { BuiltOutcome, Outcome, RefusedOutcome } from './outcome.ts';
import { CONTEXT_MTIME } from './write-context.ts';

/** What is wrong with the outcomes of a case, in lines; empty when all is as expected. */
export function judge(test: DifferentialCase, docker: Outcome, own: Outcome): string[] {
  const expect = test.expect ?? 'same';
  if (expect === 'same') return sameBut(test, [], docker, own);
  if ('differs' in expect) return sameBut(test, expect.differs, docker, own);
  if ('dockerRefuses' in expect) {
    return [...dockerSays(docker, expect.dockerRefuses), ...ownHas(own, expect)];
  }
  if ('weRefuse' in expect) {
    return [...mustBuild('Docker', docker), ...ownSays(own, expect.weRefuse, expect.line)];
  }
  return [
    ...dockerSays(docker, expect.docker),
    ...ownSays(own, expect.refused, expect.line),
    ...sameLine(docker, own),
  ];
}

function sameBut(
  test: DifferentialCase,
  expected: readonly string[],
  docker: Outcome,
  own: Outcome,
): string[] {
  const failed = [...mustBuild('Docker', docker), ...mustBuild('Stagecraft', own)];
  if (docker.kind === 'refused' || own.kind === 'refused') return failed;
  const differences = compareImages(docker, own).filter(
    (difference) => !isContextDirectoryTime(test, difference),
  );
  const found = new Set(differences.map(({ fact }) => fact));
  return [
    ...differences
      .filter(({ fact }) => !expected.includes(fact))
      .map(({ fact, docker: a, own: b }) => `${fact}\n  docker: ${a}\n  ours:   ${b}`),
    ...expected.filter((fact) => !found.has(fact)).map((fact) => `${fact} does not differ`),
  ];
}

/**
 * Docker's fsutil loses the times of context directories that have files. Today's keeps them
 * (fsutil diskwriter.go, dirModTimes), and so do we.
 */
function isContextDirectoryTime(
  test: DifferentialCase,
  { fact, docker, own }: Difference,
): boolean {
  if (!/^file .*: mtime$/.test(fact) || docker !== 'new') return false;
  const times = Object.values(test.context ?? {}).flatMap((file) =>
    typeof file === 'object' && 'directory' in file ? (file.mtime ?? []) : [],
  );
  return [CONTEXT_MTIME, ...times].some((seconds) => own === String(seconds) + '0'.repeat(9));
}

function mustBuild(who: string, outcome: Outcome): string[] {
  return outcome.kind === 'built' ? [] : [`${who} refused: ${said(outcome)}`];
}

function dockerSays(outcome: Outcome, pattern: RegExp): string[] {
  if (outcome.kind === 'built') return ['Docker built it'];
  return pattern.test(outcome.message) ? [] : [`Docker said: ${outcome.message}`];
}

function ownSays(outcome: Outcome, code: string, line: number | undefined): string[] {
  if (outcome.kind === 'built') return ['Stagecraft built it'];
  const isExpected =
    outcome.codes.includes(code) && (line === undefined || outcome.lines.includes(line));
  return isExpected ? [] : [`Stagecraft said: ${said(outcome)}`];
}

/** Docker does not always name a line. When it does, ours must be the same. */
function sameLine(docker: Outcome, own: Outcome): string[] {
  if (docker.kind === 'built' || own.kind === 'built') return [];
  const line = docker.lines.at(-1);
  if (line === undefined || own.lines.includes(line)) return [];
  return [`Docker names line ${String(line)}, Stagecraft: ${said(own)}`];
}

function said({ codes, message, lines }: RefusedOutcome): string {
  return `${codes.join(', ')} at line ${lines.join(', ')}: ${message}`;
}

function ownHas(
  outcome: Outcome,
  facts: Extract<Expectation, { readonly dockerRefuses: RegExp }>,
): string[] {
  if (outcome.kind === 'refused') return [`Stagecraft refused: ${said(outcome)}`];
  const wrong: string[] = [];
  for (const [path, content] of Object.entries(facts.files ?? {})) {
    const found = readResult(outcome, path);
    if (found !== content) wrong.push(`${path} holds ${JSON.stringify(found)}`);
  }
  const { config } = outcome.config as {
    config: { Env?: string[]; Labels?: Record<string, string> };
  };
  for (const value of facts.env ?? []) {
    if (config.Env?.includes(value) !== true) wrong.push(`Env is ${JSON.stringify(config.Env)}`);
  }
  for (const [name, value] of Object.entries(facts.labels ?? {})) {
    if (config.Labels?.[name] !== value) {
      wrong.push(`Label ${name} is ${JSON.stringify(config.Labels?.[name])}`);
    }
  }
  return wrong;
}

/** From the topmost layer that has it. */
function readResult({ layerDirs }: BuiltOutcome, path: string): string | undefined {
  const dir = layerDirs.find((each) => existsSync(join(each, path)));
  return dir === undefined ? undefined : readFileSync(join(dir, path), 'utf8');
}
