import { describe, expect, test } from 'vitest';
import type { Instruction, RunInstruction } from './ast.ts';
import { parseDockerfile, type ParsedDockerfile } from './parse-dockerfile.ts';

function parse(text: string): ParsedDockerfile {
  return parseDockerfile({ path: 'Dockerfile', text });
}

/** The instructions of the first stage; fails the test if there is any finding. */
function body(text: string): readonly Instruction[] {
  const { ast, diagnostics } = parse(`FROM base\n${text}`);
  expect(diagnostics).toEqual([]);
  return ast.stages[0]?.instructions ?? [];
}

function only<K extends Instruction['kind']>(
  kind: K,
  text: string,
): Extract<Instruction, { kind: K }> {
  const [instruction, ...others] = body(text);
  expect(others).toEqual([]);
  if (instruction?.kind !== kind) throw new Error(`expected ${kind}`);
  return instruction as Extract<Instruction, { kind: K }>;
}

const raws = (words: readonly { readonly raw: string }[]): string[] => words.map(({ raw }) => raw);

describe('ENV, LABEL and ARG', () => {
  const pairs = (text: string): [string, string | undefined, boolean][] =>
    only('env', text).variables.map(({ key, value, isLegacy }) => [key.raw, value?.raw, isLegacy]);

  test.each<[string, string, [string, string | undefined, boolean][]]>([
    [
      'splits at spaces that are neither quoted nor escaped',
      `ENV a=1 b="x y" c='d "e' f=g\\ h i=`,
      [
        ['a', '1', false],
        ['b', '"x y"', false],
        ['c', `'d "e'`, false],
        ['f', 'g\\ h', false],
        ['i', '', false],
      ],
    ],
    ['knows the old form', 'ENV a  b = c  d', [['a', 'b = c  d', true]]],
    ['splits at the first =', 'ENV a=b=c', [['a', 'b=c', false]]],
    ['leaves an unfinished quote to expansion', 'ENV a="b c', [['a', '"b c', false]]],
  ])('%s', (_claim, text, expected) => {
    expect(pairs(text)).toEqual(expected);
  });

  test('ARG has names with and without a default', () => {
    const args = only('arg', 'ARG a b= c="d e"').args;
    expect(args.map(({ key, value }) => [key.raw, value?.raw])).toEqual([
      ['a', undefined],
      ['b', ''],
      ['c', '"d e"'],
    ]);
  });
});

describe('commands', () => {
  test.each<[string, string, RunInstruction['command']]>([
    ['an array of strings', 'RUN [ "a", "b\\u0041" ]', { form: 'exec', argv: ['a', 'bA'] }],
    ['an empty array', 'RUN []', { form: 'exec', argv: [] }],
    ['text', 'RUN a | b', { form: 'shell', command: 'a | b' }],
    ['nothing', 'RUN', { form: 'shell', command: '' }],
    ['single quotes', "RUN ['a']", { form: 'shell', command: "['a']" }],
    ['an array with text behind it', 'RUN ["a"] b', { form: 'shell', command: '["a"] b' }],
    ['an open array', 'RUN ["a"', { form: 'shell', command: '["a"' }],
    ['a lone surrogate', 'RUN ["\\ud800"]', { form: 'exec', argv: ['\uFFFD'] }],
    ['flags first', 'RUN --network=none -- --a', { form: 'shell', command: '--a' }],
  ])('RUN takes %s', (_what, text, command) => {
    expect(only('run', text).command).toEqual(command);
  });

  test('RUN keeps its mounts, devices and modes', () => {
    const run = only(
      'run',
      'RUN --mount=type=cache,target=/a --mount=type=ssh --network=host --security=insecure --device=x a',
    );
    expect(raws(run.mounts)).toEqual(['type=cache,target=/a', 'type=ssh']);
    expect([run.network, run.security, raws(run.devices)]).toEqual(['host', 'insecure', ['x']]);
  });

  test('HEALTHCHECK has durations in nanoseconds', () => {
    const { check } = only(
      'healthcheck',
      'HEALTHCHECK --interval=1m30s --timeout=250ms --start-period=0 --retries=3 cmd ["a"]',
    );
    expect(check).toEqual({
      type: 'cmd',
      command: { form: 'exec', argv: ['a'] },
      interval: 90_000_000_000,
      timeout: 250_000_000,
      startPeriod: 0,
      startInterval: undefined,
      retries: 3,
    });
  });

  test('HEALTHCHECK NONE does not look at flags', () => {
    expect(only('healthcheck', 'HEALTHCHECK --foo none').check).toEqual({ type: 'none' });
  });
});

describe('COPY and ADD', () => {
  test('have their flags', () => {
    const copy = only(
      'copy',
      'COPY --from=b --chown= --chmod=u=rwX --link --parents=false --exclude=x --exclude=y c d e/',
    );
    expect([copy.from?.raw, copy.chown, copy.chmod?.raw, copy.isLink, copy.keepsParents]).toEqual([
      'b',
      undefined,
      'u=rwX',
      true,
      false,
    ]);
    expect(raws(copy.excludes)).toEqual(['x', 'y']);
    expect([...raws(copy.sources), copy.destination.raw]).toEqual(['c', 'd', 'e/']);

    const add = only('add', 'ADD --unpack=FALSE --keep-git-dir=true --checksum=sha256:0 a b');
    expect([add.unpack, add.keepsGitDir, add.checksum?.raw]).toEqual([false, true, 'sha256:0']);
    expect(only('add', 'ADD a b').unpack).toBeUndefined();
  });

  test('take names with spaces from an array', () => {
    const copy = only('copy', 'COPY ["a b", "<<c", "d\\"e"]');
    expect([...raws(copy.sources), copy.destination.raw]).toEqual(['a b', '<<c', 'd"e']);
    expect(copy.heredocs).toEqual([]);
  });

  test('fall back to words if the array is none', () => {
    expect(raws(only('copy', 'COPY [a] b').sources)).toEqual(['[a]']);
  });
});
