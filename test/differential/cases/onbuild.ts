import type { DifferentialCase } from '../case.ts';
import { historyDiffers, REASON } from './reasons.ts';

const BASE = 'FROM diff/base:1\n';

/** ONBUILD: kept as text, run in the next build. */
export const ONBUILD_CASES: readonly DifferentialCase[] = [
  {
    name: 'triggers are kept as written',
    dockerfile: `${BASE}ONBUILD RUN echo "a  b"   $x\nONBUILD COPY  . /src\nonbuild env a=b\n`,
  },
  {
    name: 'triggers of a base image run',
    dockerfile: 'FROM diff/onbuild:1\nRUN pwd > /out\n',
    context: { a: 'a' },
    expect: 'same',
  },
  {
    name: 'triggers are gone in what they made',
    dockerfile: 'FROM diff/onbuild:1 AS one\nFROM one\nLABEL a=b\n',
    context: { a: 'a' },
  },
  {
    name: 'triggers of a stage',
    dockerfile: `${BASE.trim()} AS one\nONBUILD RUN echo trigger > /t\nRUN test ! -e /t\nFROM one\nRUN cat /t > /u\n`,
  },
  {
    name: 'a trigger with an argument',
    dockerfile: `${BASE.trim()} AS one\nONBUILD ARG v=1\nONBUILD RUN echo $v > /t\nFROM one\nLABEL v=$v\n`,
    buildArgs: { v: '2' },
    expect: historyDiffers(REASON.argValue, 2),
  },
  {
    name: 'a trigger of a trigger',
    dockerfile: `${BASE}\nONBUILD ONBUILD RUN true\n`,
    expect: { refused: 'FORBIDDEN_TRIGGER', docker: /Chaining ONBUILD/, line: 3 },
  },
  {
    name: 'FROM in a trigger',
    dockerfile: `${BASE}\nONBUILD FROM scratch\n`,
    expect: { refused: 'FORBIDDEN_TRIGGER', docker: /FROM isn't allowed/, line: 3 },
  },
];
