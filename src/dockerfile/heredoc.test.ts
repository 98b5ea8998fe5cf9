import { describe, expect, test } from 'vitest';
import type { CopyInstruction, Instruction, RunInstruction } from './ast.ts';
import { parseDockerfile, parseOnbuildTrigger, type ParsedDockerfile } from './parse-dockerfile.ts';

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

describe('heredocs', () => {
  const docs = (text: string): [string, string, boolean, boolean][] =>
    (body(text)[0] as RunInstruction).heredocs.map((doc) => [
      doc.name,
      doc.content,
      doc.isExpanded,
      doc.isChomped,
    ]);

  test.each<[string, string, [string, string, boolean, boolean][]]>([
    ['a plain one', 'RUN <<EOF\na\n# b\n\nEOF', [['EOF', 'a\n# b\n\n', true, false]]],
    ['a quoted one', "RUN <<'EOF'\n$a\nEOF", [['EOF', '$a\n', false, false]]],
    ['one quoted in part', 'RUN <<E"O"F\nEOF', [['EOF', '', false, false]]],
    ['an escaped quote in the name', "RUN <<a\\'b\na'b", [["a'b", '', true, false]]],
    ['a name with a space', "RUN <<'one two'\nx\none two", [['one two', 'x\n', false, false]]],
    ['tabs', 'RUN <<-EOF\n\t\ta\n \tb\n\tEOF', [['EOF', 'a\n \tb\n', true, true]]],
    ['blanks behind the operator', 'RUN cat << EOF > x\na\nEOF', [['EOF', 'a\n', true, false]]],
    ['a descriptor', 'RUN 3<<EOF cat\nEOF', [['EOF', '', true, false]]],
    ['a variable as name', 'RUN <<$X\n$X', [['$X', '', true, false]]],
    [
      'two, nested by name',
      'COPY <<X <<Y /d\nY\nX\nX\nY',
      [
        ['X', 'Y\n', true, false],
        ['Y', 'X\n', true, false],
      ],
    ],
    ['CRLF', 'RUN <<EOF\r\na\r\nEOF\r\n', [['EOF', 'a\r\n', true, false]]],
  ])('reads %s', (_what, text, expected) => {
    expect(docs(text)).toEqual(expected);
  });

  test.each([
    ['quotes', 'RUN "<<EOF"'],
    ['three signs', 'RUN cat <<<EOF'],
    ['an array', 'RUN ["cat", "<<EOF"]'],
    ['arithmetic', 'RUN echo $((1<<2))'],
    ['a line that shells read otherwise', 'RUN echo ${a^^} <<EOF'],
    ['another instruction', 'USER <<EOF'],
    ['an operator without a name', 'RUN cat <<'],
  ])('sees none in %s', (_what, text) => {
    expect(body(text)).toHaveLength(1);
  });

  test('is the script if it is the only word', () => {
    const run = only('run', 'RUN --network=none <<-EOF\n\techo\nEOF');
    expect([run.command, run.script]).toEqual([{ form: 'shell', command: 'echo\n' }, undefined]);
  });

  test('is a file to run if it begins with #!', () => {
    const run = only('run', 'RUN <<EOF\n#!/bin/awk\nx\nEOF');
    expect(run.script?.content).toBe('#!/bin/awk\nx\n');
  });

  test('goes to the shell as written among other words', () => {
    const run = only('run', 'RUN cat <<-A 4<<B x\n\t1\n\tA\n2\nB');
    expect(run.command).toEqual({ form: 'shell', command: 'cat <<-A 4<<B x\n\t1\nA\n2\nB' });
    expect(run.heredocs.map((doc) => doc.fileDescriptor)).toEqual([0, 4]);
    expect(run.heredocs[0]?.content).toBe('1\n');
  });

  test('belongs to the trigger of ONBUILD', () => {
    const onbuild = only('onbuild', 'ONBUILD COPY <<-A /x\n\tb\nA');
    expect(onbuild.trigger.raw).toBe('COPY <<-A /x\n\tb\nA');
    const { instruction, diagnostics } = parseOnbuildTrigger(onbuild.trigger.raw);
    expect(diagnostics).toEqual([]);
    expect((instruction as CopyInstruction).heredocs[0]?.content).toBe('b\n');
  });
});

describe('parseOnbuildTrigger()', () => {
  test.each([
    ['nothing', '', 'Cannot parse ONBUILD trigger: onbuild trigger should be a single expression'],
    [
      'two',
      'RUN a\nRUN b',
      'Cannot parse ONBUILD trigger: onbuild trigger should be a single expression',
    ],
    [
      'FROM',
      'FROM a',
      'Cannot parse ONBUILD trigger: onbuild trigger should be a single expression',
    ],
    ['a wrong flag', 'COPY --x a b', 'Cannot parse COPY: unknown flag: --x'],
  ])('refuses %s', (_what, text, message) => {
    const { instruction, diagnostics } = parseOnbuildTrigger(text);
    expect(instruction).toBeUndefined();
    expect(diagnostics.map((diagnostic) => diagnostic.message)).toEqual([message]);
  });

  test('has positions in a file of its own', () => {
    const { instruction } = parseOnbuildTrigger('RUN a', 'node:20 ONBUILD 1');
    expect(instruction?.span).toEqual({
      file: { path: 'node:20 ONBUILD 1', text: 'RUN a' },
      start: 0,
      end: 5,
    });
  });
});
