import { describe, expect, test } from 'vitest';
import { parseDockerfile } from '../parse-dockerfile.ts';

function warnings(lines: readonly string[]): readonly string[] {
  const { diagnostics } = parseDockerfile({ path: 'Dockerfile', text: lines.join('\n') });
  return diagnostics.map(({ code, message }) => `${code}: ${message}`);
}

describe('NoEmptyContinuation', () => {
  test('catches an empty line inside an instruction', () => {
    const found = warnings(['FROM alpine', 'RUN a && \\', '', '  b']);
    expect(found).toEqual(['NoEmptyContinuation: Empty continuation line']);
  });

  test('allows a comment inside an instruction', () => {
    expect(warnings(['FROM alpine', 'RUN a && \\', '  # next', '  b'])).toEqual([]);
  });

  test('allows an empty line between instructions', () => {
    expect(warnings(['FROM alpine', '', 'RUN a'])).toEqual([]);
  });
});
