import type { AddInstruction, CopyInstruction, Heredoc, Word } from './ast.ts';
import { checkFlags, type CheckedFlags } from './check-flags.ts';
import {
  invalidFlagValue,
  jsonNotStrings,
  quoted,
  unreadableHeredoc,
  wrongArguments,
} from './errors.ts';
import { expandWord } from './expand.ts';
import { chompTabs, parseHeredocWord } from './heredoc.ts';
import type { HeredocBody, InstructionRequest } from './instruction-request.ts';
import { spanOf, wordOf } from './logical-line.ts';
import { splitAtSeparators } from './white-space.ts';

export function readCopy(request: InstructionRequest): CopyInstruction | undefined {
  const flags = checkFlags(request, {
    chown: 'text',
    from: 'text',
    chmod: 'text',
    link: 'switch',
    exclude: 'list',
    parents: 'switch',
  });
  const from = given(flags, 'from');
  if (from !== undefined) checkFrom(request, from);
  const files = readFiles(request);
  if (files === undefined) return undefined;
  return {
    kind: 'copy',
    ...request.base,
    ...files,
    ...commonFlags(flags),
    from,
    keepsParents: flags.switches.get('parents') ?? false,
  };
}

export function readAdd(request: InstructionRequest): AddInstruction | undefined {
  const flags = checkFlags(request, {
    chown: 'text',
    chmod: 'text',
    link: 'switch',
    'keep-git-dir': 'switch',
    checksum: 'text',
    unpack: 'switch',
    exclude: 'list',
  });
  const files = readFiles(request);
  if (files === undefined) return undefined;
  return {
    kind: 'add',
    ...request.base,
    ...files,
    ...commonFlags(flags),
    keepsGitDir: flags.switches.get('keep-git-dir') ?? false,
    checksum: given(flags, 'checksum'),
    unpack: flags.switches.get('unpack'),
  };
}

function commonFlags(
  flags: CheckedFlags,
): Pick<CopyInstruction, 'chown' | 'chmod' | 'isLink' | 'excludes'> {
  return {
    chown: given(flags, 'chown'),
    chmod: given(flags, 'chmod'),
    isLink: flags.switches.get('link') ?? false,
    excludes: flags.lists.get('exclude') ?? [],
  };
}

/** `--chown=` with nothing behind it counts as not given, as in BuildKit. */
function given(flags: CheckedFlags, name: string): Word | undefined {
  const word = flags.texts.get(name);
  return word?.raw === '' ? undefined : word;
}

/** `--from` names a stage while the graph is built, before variables have values. */
function checkFrom(request: InstructionRequest, from: Word): void {
  const expanded = expandWord(from.raw, () => undefined, { escape: request.escape });
  if (expanded.ok && expanded.text === from.raw) return;
  const found =
    'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround';
  request.report(
    invalidFlagValue(request.label, expanded.ok ? found : expanded.message, from.span),
  );
}

function readFiles(
  request: InstructionRequest,
): Pick<CopyInstruction, 'sources' | 'destination' | 'heredocs'> | undefined {
  const { label, base, report } = request;
  const words = readWords(request);
  if (words === undefined) return undefined;
  const destination = words.at(-1);
  if (destination === undefined || words.length < 2) {
    const found = `${label} requires at least two arguments, but only one was provided. Destination could not be determined`;
    report(wrongArguments(label, found, base.span));
    return undefined;
  }
  // Two heredocs of one name: the last body counts for both.
  const bodies = new Map(request.heredocs.map((heredoc) => [heredoc.name, heredoc]));
  const canHaveHeredocs = request.json.kind === 'none';
  if (canHaveHeredocs && heredocOf(bodies, destination) !== undefined) {
    const found = `${label} cannot accept a heredoc as a destination`;
    report(wrongArguments(label, found, destination.span));
    return undefined;
  }
  const sources: Word[] = [];
  const heredocs: Heredoc[] = [];
  for (const word of words.slice(0, -1)) {
    const heredoc = canHaveHeredocs ? heredocOf(bodies, word) : undefined;
    if (heredoc === undefined) sources.push(word);
    else heredocs.push(heredoc);
  }
  if (canHaveHeredocs && request.hasAllHeredocs) checkHeredocs(request, heredocs);
  return { sources, destination, heredocs };
}

/**
 * The line is split into heredocs by the rules of the shell, into words at white space. BuildKit goes
 * on with an empty or a missing file where the two disagree; here that is an error.
 */
function checkHeredocs(request: InstructionRequest, used: readonly Heredoc[]): void {
  const announced = new Set(request.heredocs.map(({ name }) => name));
  const words = new Set(used.map(({ name }) => name));
  for (const { name, span } of used) {
    if (announced.has(name)) continue;
    const found = `no text was found for the heredoc ${quoted(name)}`;
    request.report(unreadableHeredoc(request.label, found, span));
  }
  for (const { name, span } of request.heredocs) {
    if (words.has(name)) continue;
    const found = `the heredoc ${quoted(name)} is not a word of its own`;
    const hint = 'Write << and its name without quoted or other spaces';
    request.report(unreadableHeredoc(request.label, found, span, hint));
  }
}

function readWords(request: InstructionRequest): Word[] | undefined {
  const { line, json, rest } = request;
  switch (json.kind) {
    case 'strings':
      return json.values.map((value, i) => wordOf(line, json.ranges[i] ?? rest, value));
    case 'not-strings':
      request.report(jsonNotStrings(request.label, spanOf(line, rest)));
      return undefined;
    case 'none':
      return splitAtSeparators(line.text, rest).map((range) => wordOf(line, range));
  }
}

function heredocOf(bodies: ReadonlyMap<string, HeredocBody>, word: Word): Heredoc | undefined {
  if (!word.raw.includes('<<')) return undefined;
  const parsed = parseHeredocWord(word.raw);
  if (parsed === undefined || 'error' in parsed) return undefined;
  const found = bodies.get(parsed.name);
  const body = found?.body ?? '';
  return {
    ...parsed,
    content: parsed.isChomped ? chompTabs(body) : body,
    span: found?.span ?? word.span,
  };
}
