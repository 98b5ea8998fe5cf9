import type { DifferentialCase } from '../case.ts';
import { historyDiffers, REASON } from './reasons.ts';

/** FROM: bases, stage names, arguments, reachability. */
export const FROM_CASES: readonly DifferentialCase[] = [
  { name: 'an image alone', dockerfile: 'FROM diff/base:1\n' },
  { name: 'every field of a base image is kept', dockerfile: 'FROM diff/rich:1\n' },
  { name: 'a base image without settings', dockerfile: 'FROM diff/noconfig:1\n' },
  {
    name: 'an instruction after a base image without settings',
    dockerfile: 'FROM diff/noconfig:1\nLABEL a=b\n',
  },
  { name: 'scratch with a file', dockerfile: 'FROM scratch\nCOPY a /\n', context: { a: 'a' } },
  { name: 'scratch with settings only', dockerfile: 'FROM scratch\nLABEL a=b\n' },
  { name: 'scratch alone', dockerfile: 'FROM scratch\n' },
  {
    name: 'keywords in lower case',
    dockerfile: 'from diff/base:1 as one\nenv a=b\nfrom one\nrun echo $a > /a\n',
  },
  {
    name: 'stage names do not know case',
    dockerfile:
      'FROM diff/base:1 AS One\nRUN echo 1 > /one\nFROM scratch\nCOPY --from=ONE /one /\n',
  },
  {
    name: 'name and tag from global arguments',
    dockerfile: 'ARG repo=diff/base\nARG tag=0\nFROM ${repo}:$tag\nARG tag\nENV t=$tag\n',
    buildArgs: { tag: '1' },
    expect: historyDiffers(REASON.argValue, 2),
  },
  {
    name: 'a default when a global argument is not set',
    dockerfile: 'ARG which\nFROM diff/${which:-base}:1\nLABEL w=${which:-none}\n',
  },
  {
    name: 'a stage of another stage inherits environment and arguments',
    dockerfile:
      'FROM diff/base:1 AS a\nARG x=1\nENV y=2\nWORKDIR /w\nUSER app\nFROM a AS b\nLABEL seen="$x-$y"\nRUN id -u > /tmp/u; pwd > /tmp/p; echo "$x $y" > /tmp/v\n',
    expect: historyDiffers(REASON.argsInherited, 7),
  },
  {
    name: 'a target in the middle',
    dockerfile: 'FROM diff/base:1 AS a\nENV v=1\nFROM a AS b\nENV v=2\nFROM b AS c\nRUN false\n',
    target: 'b',
  },
  {
    name: 'a target by its index',
    dockerfile: 'FROM diff/base:1\nENV v=1\nFROM diff/base:1\nRUN false\n',
    target: '0',
    expect: {
      dockerRefuses: /target stage 0 could not be found/,
      reason: 'An index as target is an addition of ours',
      env: ['v=1'],
    },
  },
  {
    name: 'stages that nothing needs do not run',
    dockerfile: 'FROM diff/base:1 AS broken\nRUN false\nFROM diff/base:1\nLABEL ok=1\n',
  },
  {
    name: 'one stage is the base of two that are joined',
    dockerfile:
      'FROM diff/base:1 AS base\nRUN echo base > /base\nFROM base AS one\nRUN echo 1 > /one\nFROM base AS two\nRUN echo 2 > /two\nFROM base\nCOPY --from=one /one /\nCOPY --from=two /two /base /joined/\n',
  },
  {
    name: 'a platform of a global argument',
    dockerfile:
      'FROM --platform=$BUILDPLATFORM diff/base:1\nARG BUILDPLATFORM\nARG TARGETARCH\nARG TARGETOS\nARG TARGETVARIANT\nRUN echo "$BUILDPLATFORM $TARGETARCH $TARGETOS $TARGETVARIANT" > /p\n',
    expect: historyDiffers(REASON.argValue, 2, 3, 4, 5),
  },
  {
    name: 'a stage name that shadows an image',
    dockerfile:
      'FROM diff/rich:1 AS scratch2\nFROM scratch AS rich\nLABEL a=b\nFROM rich\nLABEL c=d\n',
  },
  {
    name: 'comments, continuations and blank lines',
    dockerfile:
      '# a comment\n\nFROM diff/base:1\n  # indented\nENV a=1 \\\n# inside\n    b=2 \\\n\n    c=3\nRUN echo $a \\\n   $b $c \\\n  > /out\n',
  },
  {
    name: 'the escape directive',
    dockerfile: '# escape=`\nFROM diff/base:1\nENV a=1 `\n  b=C:\\dir\nRUN echo "$b" `\n > /out\n',
  },
  {
    name: 'carriage returns and a byte order mark',
    dockerfile: '\uFEFFFROM diff/base:1\r\nENV a=1 \\\r\n  b=2\r\nLABEL c="d e"\r\n',
  },
];
