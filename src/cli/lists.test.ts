import { describe, expect, test } from 'vitest';
import { renderError } from '../diagnostics/render.ts';
import { errorOf } from '../testing/build-errors.ts';
import { renderFormatted } from './go-template.ts';
import { parseImageFilters, repositoryFilter } from './image-filter.ts';
import { imageFields, type ImageRow } from './image-rows.ts';
import { LogLines } from './log-lines.ts';

function row(repository: string, tag: string, more: Partial<ImageRow> = {}): ImageRow {
  const id = `sha256:${'ab'.repeat(32)}`;
  const createdAt = '2024-05-01T00:00:00Z';
  const sizes = { bytes: 4_100_000, uniqueBytes: 100_000 };
  return { repository, tag, id, digest: '<none>', createdAt, ...sizes, labels: {}, ...more };
}

const ROWS = [
  row('app', 'latest', { labels: { tier: 'web', empty: '' } }),
  row('app', '1.0', { createdAt: '2024-04-01T00:00:00Z', labels: { tier: 'db' } }),
  row('ghcr.io/team/app', 'latest'),
  row('<none>', '<none>'),
];

const names = (rows: readonly ImageRow[]): string[] =>
  rows.map(({ repository, tag }) => `${repository}:${tag}`);

const failure = (act: () => unknown): string => renderError(errorOf(act));

const createdAt = (image: string): string | undefined =>
  ({ april: '2024-04-01T00:00:00Z', may: '2024-05-01T00:00:00Z' })[image];
const KNOWN =
  'known are dangling=true|false, label=KEY[=VALUE], before=IMAGE, since=IMAGE, reference=PATTERN';

describe('parseImageFilters()', () => {
  test.each<[readonly string[], readonly string[]]>([
    [[], ['app:latest', 'app:1.0', 'ghcr.io/team/app:latest', '<none>:<none>']],
    [['dangling=true'], ['<none>:<none>']],
    [['dangling=false'], ['app:latest', 'app:1.0', 'ghcr.io/team/app:latest']],
    [['reference=app'], ['app:latest', 'app:1.0']],
    [['reference=*'], ['app:latest', 'app:1.0']],
    [['reference=*/*/app'], ['ghcr.io/team/app:latest']],
    [['reference=a[p-q]p:l*'], ['app:latest']],
    [
      ['reference=*:1.*', 'reference=*/*/*'],
      ['app:1.0', 'ghcr.io/team/app:latest'],
    ],
    [['reference=app', 'dangling=true'], []],
    [['label=tier'], ['app:latest', 'app:1.0']],
    [['label=tier=web'], ['app:latest']],
    [['label=empty='], ['app:latest']],
    [['label=tier', 'label=empty'], ['app:latest']],
    [['label=constructor'], []],
    [['before=may'], ['app:1.0']],
    [['since=april'], ['app:latest', 'ghcr.io/team/app:latest', '<none>:<none>']],
    [['since=april', 'before=may'], []],
    [['before=untold'], []],
  ])('%j', (filters, expected) => {
    expect(names(ROWS.filter(parseImageFilters(filters, createdAt)))).toEqual(expected);
  });

  test.each([
    ['until=x', KNOWN],
    ['dangling=maybe', KNOWN],
    ['label=', KNOWN],
    ['since=', KNOWN],
    ['reference=[', 'it is no pattern'],
  ])('refuses %s', (filter, found) => {
    expect(failure(() => parseImageFilters([filter], createdAt))).toBe(
      `error[FLAG_VALUE_INVALID]: Cannot use "${filter}" for "--filter": ${found}`,
    );
  });
});

describe('repositoryFilter()', () => {
  test.each<[string, readonly string[]]>([
    ['app', ['app:latest', 'app:1.0']],
    ['docker.io/library/app', ['app:latest', 'app:1.0']],
    ['app:1.0', ['app:1.0']],
    ['ghcr.io/team/app', ['ghcr.io/team/app:latest']],
    ['ap', []],
    ['ap*', ['app:latest', 'app:1.0']],
  ])('%s', (word, expected) => {
    expect(names(ROWS.filter(repositoryFilter(word)))).toEqual(expected);
  });
});

describe('imageFields()', () => {
  test('are those of Docker', () => {
    const now = Date.parse('2024-05-04T00:00:00Z');
    expect(imageFields(row('app', 'latest'), false, now)).toEqual({
      Repository: 'app',
      Tag: 'latest',
      Digest: '<none>',
      ID: 'abababababab',
      CreatedSince: '3 days ago',
      CreatedAt: '2024-05-01 00:00:00 +0000 UTC',
      Containers: 'N/A',
      Size: '4.1MB',
      VirtualSize: '4.1MB',
      SharedSize: '4MB',
      UniqueSize: '100kB',
    });
  });

  test('an image that does not say when it was made has no age', () => {
    const { CreatedSince } = imageFields({ ...row('a', 'b'), createdAt: undefined }, false, 0);
    expect(CreatedSince).toBe('N/A');
  });
});

describe('renderFormatted()', () => {
  const HEADINGS = { ID: 'IMAGE ID', Tag: 'TAG' };
  const THINGS = [
    { ID: '1', Tag: 'a"b' },
    { ID: '234567890', Tag: 'c' },
  ];

  test.each([
    ['{{.ID}}:{{ .Tag }}', '1:a"b\n234567890:c\n'],
    ['{{- .ID -}}', '1\n234567890\n'],
    [String.raw`{{.ID}}\t{{.Tag}}`, '1\ta"b\n234567890\tc\n'],
    ['json', '{"ID":"1","Tag":"a\\"b"}\n{"ID":"234567890","Tag":"c"}\n'],
    ['{{json .Tag}}', '"a\\"b"\n"c"\n'],
    ['{{json .}}', '{"ID":"1","Tag":"a\\"b"}\n{"ID":"234567890","Tag":"c"}\n'],
    [String.raw`table {{.ID}}\t{{.Tag}}`, 'IMAGE ID    TAG\n1           a"b\n234567890   c\n'],
    ['plain', 'plain\nplain\n'],
  ])('%s', (format, expected) => {
    expect(renderFormatted(format, THINGS, HEADINGS)).toBe(expected);
  });

  test.each([
    ['{{.Name}}', '".Name" is not known; known are .ID, .Tag'],
    ['{{range .}}', '"range" has no "end"'],
  ])('refuses %s, and says why', (format, found) => {
    const refused = `error[FLAG_VALUE_INVALID]: Cannot use "${format}" for "--format": ${found}`;
    for (const things of [THINGS, []]) {
      expect(failure(() => renderFormatted(format, things, HEADINGS))).toBe(refused);
    }
  });
});

describe('LogLines', () => {
  const PIECES = [
    { time: 'T1', stream: 'stdout', bytes: Buffer.from('a\nb') },
    { time: 'T2', stream: 'stderr', bytes: Buffer.from('x\n') },
    { time: 'T3', stream: 'stdout', bytes: Buffer.from('c\n\nd') },
  ] as const;

  function show(skipped: number, hasTimes: boolean): { text: string; count: number } {
    const lines = new LogLines({ skipped, hasTimes });
    const text = PIECES.map((piece) => lines.push(piece).toString()).join('|');
    return { text, count: lines.count };
  }

  test.each<[string, number, boolean, string]>([
    ['shows everything as it was written', 0, false, 'a\nb|x\n|c\n\nd'],
    [
      'puts the time before each line, and not into one that goes on',
      0,
      true,
      'T1 a\nT1 b|T2 x\n|c\nT3 \nT3 d',
    ],
    ['leaves out the first lines, in the order of their beginnings', 2, false, '|x\n|\nd'],
    ['leaves out all', 9, true, '||'],
  ])('%s', (_, skipped, hasTimes, text) => {
    expect(show(skipped, hasTimes)).toEqual({ text, count: 5 });
  });
});
