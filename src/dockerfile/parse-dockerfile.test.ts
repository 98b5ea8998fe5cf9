import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { CopyInstruction } from './ast.ts';
import {
  MAX_DOCKERFILE_BYTES,
  MAX_FINDINGS,
  MAX_INSTRUCTIONS,
  MAX_STAGES,
  parseDockerfile,
  type ParsedDockerfile,
} from './parse-dockerfile.ts';

function parse(text: string): ParsedDockerfile {
  return parseDockerfile({ path: 'Dockerfile', text });
}

/** "3:5 CODE message", where 3:5 is line and column, both from 1. */
function show({ span, code, message }: Diagnostic): string {
  const before = span.file.text.slice(0, span.start).split('\n');
  return `${before.length}:${(before.at(-1) ?? '').length + 1} ${code} ${message}`;
}

function problems(text: string): string[] {
  return parse(text).diagnostics.map(show);
}

/** The text of the only RUN in the first stage; fails the test if there is any finding. */
function command(text: string): unknown {
  const { ast, diagnostics } = parse(`FROM base\n${text}`);
  expect(diagnostics.map(show)).toEqual([]);
  const [run, ...others] = ast.stages[0]?.instructions ?? [];
  expect(others).toEqual([]);
  return run?.kind === 'run' && run.command.form === 'shell' ? run.command.command : undefined;
}

const raws = (words: readonly { readonly raw: string }[]): string[] => words.map(({ raw }) => raw);

describe('parseDockerfile() reports', () => {
  test.each<[string, string, string]>([
    [
      'an empty file',
      '',
      '1:1 EMPTY_DOCKERFILE Cannot parse Dockerfile: file with no instructions',
    ],
    [
      'a file of comments',
      '# one\n\n# two\n',
      '1:1 EMPTY_DOCKERFILE Cannot parse Dockerfile: file with no instructions',
    ],
    [
      'an unknown instruction',
      'FROM a\n  FORM b\n',
      '2:3 UNKNOWN_INSTRUCTION Cannot parse Dockerfile: unknown instruction: FORM',
    ],
    [
      'an instruction before FROM',
      'ARG a\nRUN x\nCMD y\nFROM a\n',
      '2:1 INSTRUCTION_BEFORE_FROM Cannot parse RUN: no build stage in current context',
    ],
    [
      'FROM without a name',
      'FROM\n',
      '1:1 WRONG_ARGUMENTS Cannot parse FROM: FROM requires either one or three arguments',
    ],
    [
      'FROM with two words',
      'FROM a as\n',
      '1:1 WRONG_ARGUMENTS Cannot parse FROM: FROM requires either one or three arguments',
    ],
    [
      'FROM with three words but no AS',
      'FROM a is b\n',
      '1:1 WRONG_ARGUMENTS Cannot parse FROM: FROM requires either one or three arguments',
    ],
    [
      'a stage name that begins with a digit',
      'FROM a AS 2nd\n',
      `1:11 INVALID_STAGE_NAME Cannot parse FROM: invalid name for build stage: "2nd", name can't start with a number or contain symbols`,
    ],
    [
      'a directive given twice',
      '# escape=`\n# Escape = `\nFROM a\n',
      '2:1 DUPLICATE_DIRECTIVE Cannot parse Dockerfile: only one escape parser directive can be used',
    ],
    [
      'a wrong escape character',
      '# escape=^\nFROM a\n',
      "1:1 INVALID_ESCAPE_DIRECTIVE Cannot parse Dockerfile: invalid escape token '^' does not match ` or \\",
    ],
    [
      'a heredoc without an end',
      'FROM a\nRUN <<EOF\necho\n',
      '2:1 UNTERMINATED_HEREDOC Cannot parse RUN: unterminated heredoc',
    ],
    [
      'a line that is too long',
      `FROM a\nRUN ${'x'.repeat(65_532)}\n`,
      '2:1 LINE_TOO_LONG Cannot parse Dockerfile: dockerfile line greater than max allowed size of 65535',
    ],
    [
      'a blank line inside an instruction',
      'FROM a\nRUN a \\\n\n  b\n',
      '3:1 NoEmptyContinuation Empty continuation line',
    ],
    [
      'a heredoc of COPY with a space in it',
      'FROM a\nCOPY << EOF /x\nEOF\n',
      '3:1 UNREADABLE_HEREDOC Cannot parse COPY: the heredoc "EOF" is not a word of its own',
    ],
    [
      'a heredoc of COPY on a line the shell cannot read',
      'FROM a\nCOPY <<EOF ${x^} /x\n',
      '2:6 UNREADABLE_HEREDOC Cannot parse COPY: no text was found for the heredoc "EOF"',
    ],
    [
      'COPY without a destination',
      'FROM a\nCOPY b\n',
      '2:1 WRONG_ARGUMENTS Cannot parse COPY: COPY requires at least two arguments, but only one was provided. Destination could not be determined',
    ],
    [
      'ADD without anything',
      'FROM a\nADD\n',
      '2:1 WRONG_ARGUMENTS Cannot parse ADD: ADD requires at least two arguments, but only one was provided. Destination could not be determined',
    ],
    [
      'a heredoc as destination',
      'FROM a\nCOPY b <<EOF\nEOF\n',
      '2:8 WRONG_ARGUMENTS Cannot parse COPY: COPY cannot accept a heredoc as a destination',
    ],
    [
      'a JSON array with a number',
      'FROM a\nCMD ["b", 1]\n',
      '2:5 JSON_NOT_STRINGS Cannot parse CMD: when using JSON array syntax, arrays must be comprised of strings only',
    ],
    [
      'nested JSON arrays',
      'FROM a\nVOLUME [["b"]]\n',
      '2:8 JSON_NOT_STRINGS Cannot parse VOLUME: when using JSON array syntax, arrays must be comprised of strings only',
    ],
    [
      'COPY --from with a variable',
      'FROM a\nCOPY --from=$b /x /y\n',
      '2:13 INVALID_FLAG_VALUE Cannot parse COPY: variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
    ],
    [
      'ENV with a name alone',
      'FROM a\nENV b\n',
      '2:1 NOT_A_PAIR Cannot parse ENV: ENV must have two arguments',
    ],
    [
      'ENV with nothing',
      'FROM a\nENV\n',
      '2:1 WRONG_ARGUMENTS Cannot parse ENV: ENV requires at least one argument',
    ],
    [
      'LABEL with a later word without =',
      'FROM a\nLABEL b=c d\n',
      `2:11 NOT_A_PAIR Cannot parse LABEL: Syntax error - can't find = in "d". Must be of the form: name=value`,
    ],
    [
      'ENV with a blank name',
      'FROM a\nENV =c\n',
      '2:5 WRONG_ARGUMENTS Cannot parse ENV: ENV names can not be blank',
    ],
    [
      'ARG with a blank name',
      'FROM a\nARG b =c\n',
      '2:7 WRONG_ARGUMENTS Cannot parse ARG: ARG names can not be blank',
    ],
    [
      'ARG with nothing',
      'ARG\nFROM a\n',
      '1:1 WRONG_ARGUMENTS Cannot parse ARG: ARG requires at least one argument',
    ],
    [
      'EXPOSE with nothing',
      'FROM a\nEXPOSE\n',
      '2:1 WRONG_ARGUMENTS Cannot parse EXPOSE: EXPOSE requires at least one argument',
    ],
    [
      'VOLUME with nothing',
      'FROM a\nVOLUME\n',
      '2:1 WRONG_ARGUMENTS Cannot parse VOLUME: VOLUME requires at least one argument',
    ],
    [
      'VOLUME with an empty name',
      'FROM a\nVOLUME ["b", " "]\n',
      '2:14 WRONG_ARGUMENTS Cannot parse VOLUME: VOLUME specified can not be an empty string',
    ],
    [
      'USER with nothing',
      'FROM a\nUSER\n',
      '2:1 WRONG_ARGUMENTS Cannot parse USER: USER requires exactly one argument',
    ],
    [
      'WORKDIR with nothing',
      'FROM a\nWORKDIR\n',
      '2:1 WRONG_ARGUMENTS Cannot parse WORKDIR: WORKDIR requires exactly one argument',
    ],
    [
      'STOPSIGNAL with nothing',
      'FROM a\nSTOPSIGNAL\n',
      '2:1 WRONG_ARGUMENTS Cannot parse STOPSIGNAL: STOPSIGNAL requires exactly one argument',
    ],
    [
      'MAINTAINER with nothing',
      'FROM a\nMAINTAINER\n',
      '2:1 WRONG_ARGUMENTS Cannot parse MAINTAINER: MAINTAINER requires exactly one argument',
    ],
    [
      'SHELL in shell form',
      'FROM a\nSHELL sh -c\n',
      '2:1 WRONG_ARGUMENTS Cannot parse SHELL: SHELL requires the arguments to be in JSON form',
    ],
    [
      'an empty SHELL',
      'FROM a\nSHELL []\n',
      '2:1 WRONG_ARGUMENTS Cannot parse SHELL: SHELL requires at least one argument',
    ],
    [
      'ONBUILD with nothing',
      'FROM a\nONBUILD\n',
      '2:1 WRONG_ARGUMENTS Cannot parse ONBUILD: ONBUILD requires at least one argument',
    ],
    [
      'ONBUILD ONBUILD',
      'FROM a\nONBUILD onbuild RUN x\n',
      "2:9 FORBIDDEN_TRIGGER Cannot parse ONBUILD: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
    ],
    [
      'ONBUILD FROM',
      'FROM a\nONBUILD from b\n',
      "2:9 FORBIDDEN_TRIGGER Cannot parse ONBUILD: FROM isn't allowed as an ONBUILD trigger",
    ],
    [
      'a wrong trigger, as a warning',
      'FROM a\nONBUILD COPPY b c\n',
      '2:9 UNKNOWN_INSTRUCTION Cannot parse Dockerfile: unknown instruction: COPPY',
    ],
    [
      'HEALTHCHECK with nothing',
      'FROM a\nHEALTHCHECK --retries=1\n',
      '2:1 WRONG_ARGUMENTS Cannot parse HEALTHCHECK: HEALTHCHECK requires at least one argument',
    ],
    [
      'HEALTHCHECK of another type',
      'FROM a\nHEALTHCHECK --retries=1 run b\n',
      '2:25 INVALID_HEALTHCHECK Cannot parse HEALTHCHECK: Unknown type "RUN" in HEALTHCHECK (try CMD)',
    ],
    [
      'HEALTHCHECK NONE with more words',
      'FROM a\nHEALTHCHECK NONE b\n',
      '2:18 INVALID_HEALTHCHECK Cannot parse HEALTHCHECK: HEALTHCHECK NONE takes no arguments',
    ],
    [
      'HEALTHCHECK CMD without a command',
      'FROM a\nHEALTHCHECK CMD\n',
      '2:1 INVALID_HEALTHCHECK Cannot parse HEALTHCHECK: Missing command after HEALTHCHECK CMD',
    ],
    [
      'a short interval',
      'FROM a\nHEALTHCHECK --timeout=1us CMD b\n',
      '2:23 INVALID_HEALTHCHECK Cannot parse HEALTHCHECK: Interval "timeout" cannot be less than 1ms',
    ],
    [
      'an interval without a unit',
      'FROM a\nHEALTHCHECK --interval=5 CMD b\n',
      '2:24 INVALID_HEALTHCHECK Cannot parse HEALTHCHECK: time: missing unit in duration "5"',
    ],
    [
      'negative retries',
      'FROM a\nHEALTHCHECK --retries=-1 CMD b\n',
      '2:23 INVALID_HEALTHCHECK Cannot parse HEALTHCHECK: --retries cannot be negative (-1)',
    ],
    [
      'retries that are no number',
      'FROM a\nHEALTHCHECK --retries=x CMD b\n',
      '2:23 INVALID_HEALTHCHECK Cannot parse HEALTHCHECK: strconv.ParseInt: parsing "x": invalid syntax',
    ],
    [
      'an unknown flag',
      'FROM a\nCOPY --form=b c d\n',
      '2:6 UNKNOWN_FLAG Cannot parse COPY: unknown flag: --form',
    ],
    [
      'a flag on an instruction that has none',
      'FROM a\nWORKDIR --x /b\n',
      '2:9 UNKNOWN_FLAG Cannot parse WORKDIR: unknown flag: --x',
    ],
    [
      'a flag given twice',
      'FROM a\nCOPY --chown=1 --chown=2 c d\n',
      '2:16 DUPLICATE_FLAG Cannot parse COPY: duplicate flag specified: --chown',
    ],
    [
      'a switch given twice',
      'FROM a\nCOPY --link --link=false c d\n',
      '2:13 DUPLICATE_FLAG Cannot parse COPY: duplicate flag specified: --link',
    ],
    [
      'a flag without its value',
      'FROM a\nCOPY --chown c d\n',
      '2:6 MISSING_FLAG_VALUE Cannot parse COPY: missing a value on flag: --chown',
    ],
    [
      'a switch with an empty value',
      'FROM a\nCOPY --link= c d\n',
      '2:6 MISSING_FLAG_VALUE Cannot parse COPY: missing a value on flag: --link',
    ],
    [
      'a switch with another value',
      'FROM a\nADD --unpack=yes c d\n',
      '2:5 FLAG_NOT_BOOLEAN Cannot parse ADD: expecting boolean value for flag --unpack, not: yes',
    ],
    [
      'an unknown network',
      'FROM a\nRUN --network=bridge b\n',
      '2:15 INVALID_FLAG_VALUE Cannot parse RUN: invalid network mode "bridge"',
    ],
    [
      'E08 an unknown security mode',
      'FROM a\nRUN --security=2 b\n',
      '2:16 INVALID_FLAG_VALUE Cannot parse RUN: security "2" is not valid',
    ],
    [
      'a mount from a variable',
      'FROM a\nRUN --mount=from=$b,target=/c d\n',
      "2:13 INVALID_FLAG_VALUE Cannot parse RUN: 'from' doesn't support variable expansion, define alias stage instead",
    ],
    [
      'a mount that is no CSV',
      "FROM a\nRUN --mount='a=\"b' d\n",
      '2:13 INVALID_FLAG_VALUE Cannot parse RUN: failed to parse csv mounts: parse error on line 1, column 3: bare " in non-quoted field',
    ],
    [
      'a device with an unknown key',
      'FROM a\nRUN --device=b,nane=c d\n',
      `2:14 INVALID_FLAG_VALUE Cannot parse RUN: unexpected key 'nane' in 'nane=c'`,
    ],
  ])('%s', (_what, text, expected) => {
    expect(problems(text)).toEqual([expected]);
  });

  test.each<[string, string, string]>([
    ['an instruction', 'FROM a\nENTRYPONT b\n', 'Did you mean "ENTRYPOINT"?'],
    ['a flag', 'FROM a\nCOPY --form=b c d\n', 'Did you mean "--from"?'],
    ['a key of a device', 'FROM a\nRUN --device=b,nane=c d\n', 'Did you mean "name"?'],
  ])('what was probably meant: %s', (_what, text, hint) => {
    expect(parse(text).diagnostics.map((diagnostic) => diagnostic.hint)).toEqual([hint]);
  });

  test('makes no suggestion for a word that resembles nothing', () => {
    expect(parse('FROM a\nXYZZYPLUGH b\n').diagnostics[0]?.hint).toBeUndefined();
  });

  test.each([
    ['COPPY b c', 'warning'],
    ['COPY --form=x b c', 'warning'],
    ['ENV b', 'error'],
    ['CMD [1]', 'error'],
  ])('what is wrong with the trigger %s as %s', (trigger, severity) => {
    const { diagnostics, ast } = parse(`FROM a\nONBUILD ${trigger}\n`);
    expect(diagnostics.map((diagnostic) => diagnostic.severity)).toEqual([severity]);
    expect(ast.stages[0]?.instructions).toHaveLength(severity === 'warning' ? 1 : 0);
  });

  test('all errors in one run, and keeps the right instructions', () => {
    const text =
      'FROM a\nRUN one\nCOPYY b c\nENV x\nRUN --mont=y two\nRUN three\nFROM b AS 1x\nRUN four\nFROM c\nRUN five\n';
    const { ast, diagnostics } = parse(text);
    expect(diagnostics.map(({ code }) => code)).toEqual([
      'UNKNOWN_INSTRUCTION',
      'NOT_A_PAIR',
      'UNKNOWN_FLAG',
      'INVALID_STAGE_NAME',
    ]);
    expect(ast.stages.map(({ index }) => index)).toEqual([0, 2]);
    expect(ast.stages.map((stage) => stage.instructions.map(({ original }) => original))).toEqual([
      ['RUN one', 'RUN three'],
      ['RUN five'],
    ]);
  });

  test('words of the file without control characters, and not endlessly', () => {
    const [first, second] = parse(`FROM a\nR\u001b[31mUN b\n${'x'.repeat(1000)}\n`).diagnostics;
    expect(first?.message).toBe('Cannot parse Dockerfile: unknown instruction: R\uFFFD[31mUN');
    expect(second?.message).toHaveLength(501);
  });

  test('several errors of one instruction', () => {
    expect(problems('FROM a\nCOPY --form=x --chown b\n')).toEqual([
      '2:6 UNKNOWN_FLAG Cannot parse COPY: unknown flag: --form',
      '2:15 MISSING_FLAG_VALUE Cannot parse COPY: missing a value on flag: --chown',
      '2:1 WRONG_ARGUMENTS Cannot parse COPY: COPY requires at least two arguments, but only one was provided. Destination could not be determined',
    ]);
  });
});

describe('parseDockerfile() stops with one clear error at', () => {
  test('too many bytes', () => {
    const { ast, diagnostics } = parse(`FROM a\n#${'é'.repeat(MAX_DOCKERFILE_BYTES / 2)}\n`);
    expect(diagnostics.map(show)).toEqual([
      `1:1 DOCKERFILE_TOO_LARGE Cannot parse Dockerfile: it has ${MAX_DOCKERFILE_BYTES + 9} bytes, the limit is ${MAX_DOCKERFILE_BYTES}`,
    ]);
    expect(ast.stages).toEqual([]);
  });

  test('too many instructions', () => {
    expect(problems(`FROM a\n${'CMD x\n'.repeat(MAX_INSTRUCTIONS)}`)).toEqual([
      `${MAX_INSTRUCTIONS + 1}:1 TOO_MANY_INSTRUCTIONS Cannot parse Dockerfile: it has more than ${MAX_INSTRUCTIONS} instructions`,
    ]);
  });

  test('too many stages', () => {
    expect(problems('FROM a\n'.repeat(MAX_STAGES + 5))).toEqual([
      `${MAX_STAGES + 1}:1 TOO_MANY_STAGES Cannot parse Dockerfile: it has more than ${MAX_STAGES} stages`,
    ]);
  });

  test('too many errors', () => {
    const found = parse(`FROM a\n${'NO\n'.repeat(MAX_FINDINGS * 2)}`).diagnostics;
    expect(found).toHaveLength(MAX_FINDINGS + 1);
    expect(found.at(-1)?.message).toBe(
      `Cannot parse the rest of the Dockerfile: only the first ${MAX_FINDINGS} problems are shown`,
    );
  });
});

describe('directives', () => {
  const directives = (text: string): string[] =>
    parse(text).ast.directives.map(({ name, value }) => `${name}=${value}`);

  test('are read in any case, with and without spaces, behind a byte order mark', () => {
    expect(
      directives('\uFEFF#SYNTAX = docker/dockerfile:1\r\n  # check=skip=all \nFROM a'),
    ).toEqual(['syntax=docker/dockerfile:1', 'check=skip=all']);
  });

  test.each([
    ['a blank line', '\n# escape=`\nFROM a'],
    ['a comment', '# hello\n# escape=`\nFROM a'],
    ['an unknown name', '# foo=bar\n# escape=`\nFROM a'],
    ['an instruction', 'FROM a\n# escape=`\n'],
    ['a line with an empty value', '# syntax=\n# escape=`\nFROM a'],
  ])('end at %s', (_what, text) => {
    expect(directives(text)).toEqual([]);
    expect(parse(text).ast.escape).toBe('\\');
  });

  test('change the character that continues lines and escapes', () => {
    const { ast } = parse('# escape=`\nFROM a\nRUN b `\n  c \\\nENV d=e` f\n');
    expect(ast.stages[0]?.instructions.map(({ original }) => original)).toEqual([
      'RUN b   c \\',
      'ENV d=e` f',
    ]);
  });
});

describe('lines', () => {
  test.each<[string, string, string]>([
    ['joins continued lines and keeps the spaces', 'RUN a \\\n  b \\ \t\n\tc', 'a   b \tc'],
    ['drops comments inside', 'RUN a \\\n  # no\n# no\n  b', 'a   b'],
    ['does not continue behind two escapes', 'RUN a \\\\', 'a \\\\'],
    ['takes a lone escape as a continuation', 'RUN a\\\n\\\nb', 'ab'],
    ['ends at the end of the file', 'RUN a \\\n b \\', 'a  b'],
    ['works with CRLF', 'RUN a \\\r\n  b\r\n', 'a   b'],
    ['keeps text that looks like a comment behind the first word', 'RUN a # b', 'a # b'],
  ])('%s', (_claim, text, expected) => {
    expect(command(text)).toBe(expected);
  });

  test('accepts a line of exactly the largest size', () => {
    expect(command(`RUN ${'x'.repeat(65_531)}\n`)).toHaveLength(65_531);
  });

  test('measures lines in bytes', () => {
    expect(problems(`FROM a\nRUN ${'é'.repeat(32_766)}\n`)).toHaveLength(1);
  });

  test('gives comments directly above to the instruction, blank lines or not', () => {
    const { ast } = parse('# far\n#\n# near\n\n#check=skip=all\nFROM a\n# end\n');
    expect(ast.stages[0]?.from.comments.map(({ text }) => text)).toEqual([
      'near',
      'check=skip=all',
    ]);
    expect(ast.comments.map(({ text }) => text)).toEqual([
      'far',
      '',
      'near',
      'check=skip=all',
      'end',
    ]);
  });

  test('gives exact positions across continuations', () => {
    const text = 'FROM a\nCOPY --chown="x y" \\\n  # é\n  one t\\\nwo /dst/  \n';
    const copy = parse(text).ast.stages[0]?.instructions[0] as CopyInstruction;
    const at = ({ span }: { span: { start: number; end: number } }): string =>
      text.slice(span.start, span.end);
    expect(copy.sources.map(at)).toEqual(['one', 't\\\nwo']);
    expect(raws(copy.sources)).toEqual(['one', 'two']);
    expect(at(copy.destination)).toBe('/dst/');
    expect(copy.flags.map(at)).toEqual(['--chown="x y"']);
    expect([copy.chown?.raw, copy.flags[0]?.value?.raw]).toEqual(['x y', '"x y"']);
    expect(at(copy)).toBe(text.slice(7).trimEnd());
    expect(copy.original).toBe('COPY --chown="x y"   one two /dst/');
  });
});

describe('FROM', () => {
  test('has a platform and a name in lower case', () => {
    const { from } = parse('from --platform=$P Alpine:3 As Build-1._x\n').ast.stages[0] ?? {};
    expect([from?.image.raw, from?.platform?.raw, from?.name?.text, from?.name?.word.raw]).toEqual([
      'Alpine:3',
      '$P',
      'build-1._x',
      'Build-1._x',
    ]);
  });

  test('takes ARG above it as global', () => {
    const { ast } = parse('ARG a=1 b\nFROM x\nARG c\n');
    expect(ast.globalArgs.flatMap(({ args }) => args.map(({ key }) => key.raw))).toEqual([
      'a',
      'b',
    ]);
    expect(ast.stages[0]?.instructions).toHaveLength(1);
  });
});
