import type { DifferentialCase } from '../case.ts';

const BASE = 'FROM diff/base:1\n\n';
const refused = (
  name: string,
  text: string,
  refused: string,
  docker: RegExp,
  line: number | undefined = 3,
): DifferentialCase => ({
  name,
  dockerfile: `${BASE}${text}\n`,
  context: { a: 'a' },
  expect: { refused, docker, line },
});

/** What both refuse. */
export const ERROR_CASES: readonly DifferentialCase[] = [
  refused(
    'an unknown instruction',
    'RUNN true',
    'UNKNOWN_INSTRUCTION',
    /unknown instruction: RUNN/,
  ),
  refused('an unknown flag', 'COPY --nothing=1 a /', 'UNKNOWN_FLAG', /[uU]nknown flag: nothing/),
  refused('a flag twice', 'COPY --chown=1 --chown=2 a /', 'DUPLICATE_FLAG', /[dD]uplicate flag/),
  refused(
    'a flag without a value',
    'COPY --chown a /',
    'MISSING_FLAG_VALUE',
    /[mM]issing a value on flag/,
  ),
  refused(
    'COPY with one argument',
    'COPY a',
    'WRONG_ARGUMENTS',
    /COPY requires at least two arguments/,
  ),
  refused('ENV without a value', 'ENV a', 'NOT_A_PAIR', /ENV must have two arguments/),
  refused(
    'ENV with a word that is no pair',
    'ENV a=b c',
    'NOT_A_PAIR',
    /Syntax error - can't find =/,
  ),
  refused(
    'WORKDIR with nothing',
    'WORKDIR',
    'WRONG_ARGUMENTS',
    /WORKDIR requires exactly one argument/,
  ),
  refused('USER with nothing', 'USER', 'WRONG_ARGUMENTS', /USER requires exactly one argument/),
  refused(
    'VOLUME with an empty name',
    'VOLUME [""]',
    'WRONG_ARGUMENTS',
    /VOLUME specified can not be an empty string/,
  ),
  refused('an open quote', 'LABEL a="b', 'EXPANSION_FAILED', /unexpected end of statement|closing/),
  refused(
    'an open brace',
    'LABEL a=${b',
    'EXPANSION_FAILED',
    /missing '}'|missing ':'|syntax error/,
  ),
  refused('ARG with nothing', 'ARG', 'WRONG_ARGUMENTS', /ARG requires/),
  refused(
    'HEALTHCHECK with retries that are no number',
    'HEALTHCHECK --retries=x CMD a',
    'INVALID_HEALTHCHECK',
    /invalid syntax|parsing/,
  ),
  refused(
    'FROM with two words',
    'FROM a b',
    'WRONG_ARGUMENTS',
    /FROM requires either one or three arguments/,
  ),
  refused(
    'a stage name that is none',
    'FROM scratch AS 1x',
    'INVALID_STAGE_NAME',
    /invalid name for build stage/,
  ),
  {
    name: 'no instruction',
    dockerfile: '# only a comment\n',
    expect: { refused: 'EMPTY_DOCKERFILE', docker: /file with no instructions/, line: undefined },
  },
  {
    name: 'an instruction before FROM',
    dockerfile: 'RUN true\nFROM scratch\n',
    expect: {
      refused: 'INSTRUCTION_BEFORE_FROM',
      docker: /no build stage in current context/,
      line: 1,
    },
  },
  {
    name: 'FROM of an empty argument',
    dockerfile: 'ARG x\n\nFROM $x\n',
    expect: { refused: 'BASE_NAME_EMPTY', docker: /base name .* should not be blank/, line: 3 },
  },
  {
    name: 'a target that is not there',
    dockerfile: 'FROM scratch AS a\n',
    target: 'b',
    expect: {
      refused: 'TARGET_NOT_FOUND',
      docker: /target stage b could not be found/,
      line: undefined,
    },
  },
  {
    name: 'a wrong escape directive',
    dockerfile: '# escape=x\nFROM scratch\n',
    expect: {
      refused: 'INVALID_ESCAPE_DIRECTIVE',
      docker: /invalid ESCAPE|invalid escape token/i,
      line: 1,
    },
  },
];
