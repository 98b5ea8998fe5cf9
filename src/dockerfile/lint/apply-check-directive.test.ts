import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { parseDockerfile } from '../parse-dockerfile.ts';
import { applyCheckDirective } from './apply-check-directive.ts';
import { lintDockerfile } from './run-lint.ts';

const BROKEN = ['FROM alpine AS Build', 'MAINTAINER me', 'RUN a \\', '', '  b'];

function check(
  lines: readonly string[],
  override?: string,
): ReturnType<typeof applyCheckDirective> {
  const { ast, diagnostics } = parseDockerfile({ path: 'Dockerfile', text: lines.join('\n') });
  return applyCheckDirective([...diagnostics, ...lintDockerfile(ast)], ast, override);
}

function codes({ diagnostics }: { readonly diagnostics: readonly Diagnostic[] }): string[] {
  return diagnostics.map(({ code }) => code);
}

describe('applyCheckDirective()', () => {
  test('puts the findings of parser and checks into the order of the file', () => {
    expect(codes(check(BROKEN))).toEqual([
      'StageNameCasing',
      'MaintainerDeprecated',
      'NoEmptyContinuation',
    ]);
  });

  test('leaves out skipped rules, those of the parser as well', () => {
    const lines = ['# check=skip=StageNameCasing,NoEmptyContinuation', ...BROKEN];
    expect(codes(check(lines))).toEqual(['MaintainerDeprecated']);
    expect(codes(check(['# check=skip=all', ...BROKEN]))).toEqual([]);
  });

  test('leaves out what a comment above the instruction names, for that instruction alone', () => {
    const comment = '# check=skip=StageNameCasing';
    const lines = ['# two stages', comment, 'FROM alpine AS A', 'FROM alpine AS B'];
    const { diagnostics } = check(lines);
    expect(diagnostics.map(({ message }) => message)).toEqual([
      "Stage name 'B' should be lowercase",
    ]);
  });

  test('reports experimental rules only when asked, whatever is skipped', () => {
    const lines = ['# the base', 'FROM alpine AS base'];
    expect(codes(check(lines))).toEqual([]);
    const enabled = '# check=skip=all;experimental=InvalidDefinitionDescription';
    expect(codes(check([enabled, ...lines]))).toEqual(['InvalidDefinitionDescription']);
    expect(codes(check(lines, 'experimental=all'))).toEqual(['InvalidDefinitionDescription']);
  });

  test('lets the build argument take the place of the directive', () => {
    expect(codes(check(['# check=skip=all', ...BROKEN], 'skip=NoEmptyContinuation'))).toEqual([
      'StageNameCasing',
      'MaintainerDeprecated',
    ]);
  });

  test('names the broken rules once each when findings are errors', () => {
    const lines = ['FROM alpine AS B', 'FROM alpine AS A', 'MAINTAINER me'];
    expect(check(lines).violations).toEqual([]);
    expect(check(['# check=error=true', ...lines]).violations).toEqual([
      'MaintainerDeprecated',
      'StageNameCasing',
    ]);
  });

  test('takes the first comment above an instruction, up to the reason behind it', () => {
    const lines = [
      'FROM alpine',
      '# check=skip=all // we know',
      '# check=skip=None',
      'MAINTAINER me',
    ];
    expect(check(lines).diagnostics).toEqual([]);
  });

  test('reports a directive that it cannot read, at its place', () => {
    const { diagnostics } = check(['# check=skipp=A', 'FROM alpine']);
    expect(diagnostics).toMatchObject([
      {
        severity: 'error',
        code: 'INVALID_CHECK_OPTION',
        message: 'Cannot parse the check directive: invalid check option "skipp"',
        hint: 'Write for example # check=skip=StageNameCasing;error=true',
        span: { start: 0, end: 15 },
      },
    ]);
  });

  test('keeps findings that are no check’s', () => {
    const { ast } = parseDockerfile({ path: 'Dockerfile', text: '# check=skip=all\nFROM a' });
    const span = { file: ast.source, start: 17, end: 21 };
    const other: Diagnostic = { severity: 'warning', code: 'INVALID_TRIGGER', message: 'x', span };
    expect(applyCheckDirective([other], ast).diagnostics).toEqual([other]);
  });
});
