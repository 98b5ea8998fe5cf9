import type { DifferentialCase } from '../case.ts';
import { historyDiffers, REASON } from './reasons.ts';

const BASE = 'FROM diff/base:1\n';

/** ENV and ARG: forms, scope, precedence, and each kind of expansion. */
export const VARIABLE_CASES: readonly DifferentialCase[] = [
  { name: 'ENV, several and quoted', dockerfile: `${BASE}ENV a=1 b="two words" c='$a' d=x\\ y\n` },
  { name: 'ENV, legacy form', dockerfile: `${BASE}ENV a the rest  of   the line "quoted"\n` },
  {
    name: 'ENV keeps the place of a name',
    dockerfile: `${BASE}ENV a=1 b=2\nENV a=3 PATH=/x:$PATH\n`,
  },
  {
    name: 'ENV takes values from before the instruction',
    dockerfile: `${BASE}ENV a=old\nENV a=new b=$a\nENV c=$a\n`,
  },
  { name: 'ENV, empty value', dockerfile: `${BASE}ENV a= b=""\nLABEL set="\${a:-yes}\${b:+no}"\n` },
  {
    name: 'default forms',
    dockerfile: `${BASE}ENV s=set e=\nLABEL a=\${s:-d} b=\${e:-d} c=\${u:-d} d=\${s:+alt} e=\${e:+alt} f=\${u:+alt} g=\${u}\n`,
  },
  {
    name: 'default forms without colon',
    dockerfile: `${BASE}ENV s=set e=\nLABEL a=\${s-d} b=\${e-d} c=\${u-d} d=\${s+alt} e=\${e+alt} f=\${u+alt}\n`,
    expect: {
      dockerRefuses: /missing ':' in substitution/,
      reason: REASON.newLanguage,
      labels: { a: 'set', b: '', c: 'd', d: 'alt', e: 'alt', f: '' },
    },
  },
  {
    name: 'defaults that hold variables',
    dockerfile: `${BASE}ENV s=set\nLABEL a=\${u:-\${s}} b=\${u:-$s-x} c="\${u:-two words}" d=\${s:+\${v:-deep}}\n`,
  },
  {
    name: 'escaped dollar signs and quotes',
    dockerfile: `${BASE}ENV s=set\nLABEL a=\\$s b="\\$s" c='\\$s' d="it's" e='"' f=\\"$s\\"\n`,
  },
  {
    name: 'names that end at other characters',
    dockerfile: `${BASE}ENV s=set s_1=under\nLABEL a=$s-$s_1/$s.x b=\${s}_1 c=$s$s\n`,
  },
  {
    name: 'special names',
    dockerfile: `${BASE}LABEL a="x$1y" b="x$@y" c="x$*y" d="x$?y" e="x$-y" f="x$0y"\n`,
  },
  { name: 'a dollar sign alone', dockerfile: `${BASE}LABEL a="x$" b="$ x" c="100%$"\n` },
  {
    name: 'a backslash in words',
    dockerfile: `${BASE}ENV a=x\\y b="x\\y" c='x\\y' d=x\\\\y e="x\\\\y"\n`,
  },
  { name: 'unicode', dockerfile: `${BASE}ENV ü=ö a="日本 語"\nLABEL a=$ü-ß b=$a\n` },
  {
    name: 'ARG with and without value',
    dockerfile: `${BASE}ARG a\nARG b=2\nARG c="x y" d=4\nRUN echo "$a-$b-$c-$d" > /out\n`,
    buildArgs: { a: 'given', d: 'other' },
    expect: historyDiffers(REASON.argValue, 2, 4),
  },
  {
    name: 'ARG in the text of history',
    dockerfile: `${BASE}ARG a\nARG b=2\nARG c=\nRUN echo "$a-$b-$c" > /out\nARG b=3\nRUN echo $b > /out2\n`,
    buildArgs: { a: 'given' },
    expect: {
      differs: ['history[2].created_by', 'history[7].created_by'],
      reason: `${REASON.argValue}; ${REASON.argsOnce}`,
    },
  },
  {
    name: 'ARG without a value is not in the environment',
    dockerfile: `${BASE}ARG a\nRUN env | sort > /env\n`,
  },
  {
    name: 'ARG in two stages',
    dockerfile: `ARG g=global\n${BASE}ARG g\nENV one=$g\nRUN echo $g > /g\nFROM diff/base:1\nLABEL none="[$g]"\nARG g=local\nLABEL some=$g\n`,
  },
  {
    name: 'ARG with a default from a global argument',
    dockerfile: `ARG g=global\nARG h=$g-more\n${BASE}ARG h\nARG own=$h-own\nENV h=$h own=$own\n`,
    expect: historyDiffers(REASON.argValue, 2),
  },
  {
    name: 'ENV after ARG',
    dockerfile: `${BASE}ARG v=arg\nENV v=env\nRUN echo $v > /v\nLABEL v=$v\n`,
    buildArgs: { v: 'given' },
    expect: historyDiffers(REASON.argValue, 2),
  },
  {
    name: 'ARG after ENV',
    dockerfile: `${BASE}ENV v=env\nARG v=arg\nRUN echo $v > /v\nLABEL v=$v\n`,
  },
  {
    name: 'ARG after ENV with a build argument',
    dockerfile: `${BASE}ENV v=env\nARG v\nRUN echo $v > /v\nLABEL v=$v\n`,
    buildArgs: { v: 'given' },
    expect: historyDiffers(REASON.argValue, 3),
  },
  {
    name: 'a build argument that nothing declares',
    dockerfile: `${BASE}LABEL v="[$v]"\n`,
    buildArgs: { v: 'given' },
  },
  {
    name: 'an empty build argument',
    dockerfile: `${BASE}ARG v=default\nLABEL v="[$v]"\nRUN echo "[$v]" > /v\n`,
    buildArgs: { v: '' },
    expect: historyDiffers(REASON.argValue, 2),
  },
  {
    name: 'proxy arguments need no declaration and leave no trace',
    dockerfile: `${BASE}RUN echo "$http_proxy" > /v\n`,
    buildArgs: { http_proxy: 'http://proxy.invalid:3128' },
  },
  {
    name: 'a declared proxy argument',
    dockerfile: `${BASE}ARG HTTP_PROXY\nRUN echo "$HTTP_PROXY" > /v\n`,
    buildArgs: { HTTP_PROXY: 'http://proxy.invalid:3128' },
    expect: historyDiffers(REASON.argValue, 2),
  },
  {
    name: 'a variable of the base image',
    dockerfile:
      'FROM diff/rich:1\nENV more="$LANG $WITH_EQ [$EMPTY]"\nUSER root\nRUN echo "$more" > /v\n',
  },
  {
    name: 'build arguments with equals signs and spaces',
    dockerfile: `${BASE}ARG v\nRUN echo "$v" > /v\n`,
    buildArgs: { v: 'a=b c="d"' },
    expect: historyDiffers(REASON.argValue, 2),
  },
  {
    name: 'words of one variable do not split in LABEL and ENV',
    dockerfile: `${BASE}ENV two="a b"\nLABEL x=$two y="$two"\nENV z=$two\n`,
  },
  {
    name: 'where variables are not expanded',
    dockerfile: `${BASE}ENV v=x\nCMD ["$v", "\${v}"]\nENTRYPOINT ["$v"]\nSHELL ["/bin/sh", "-c"]\nHEALTHCHECK CMD echo $v\n`,
    expect: historyDiffers(REASON.healthcheckText, 6),
  },
  {
    name: 'required variables',
    dockerfile: `${BASE}ENV s=set\nLABEL a="\${s:?must be set}"\nLABEL b="\${u:?must be set}"\n`,
    expect: { refused: 'EXPANSION_FAILED', docker: /must be set|unsupported modifier/, line: 4 },
  },
  {
    name: 'prefixes and suffixes',
    dockerfile: `${BASE}ENV f=dir/file.tar.gz\nENV a=\${f#*/} b=\${f%.*} c=\${f%%.*} d=\${f##*.} e=\${f/tar/zip} g=\${f//a/o}\n`,
    expect: {
      dockerRefuses: /unsupported modifier|missing ':'/,
      reason: 'Newer forms of the language (reference 1.4)',
      env: [
        'a=file.tar.gz',
        'b=dir/file.tar',
        'c=dir/file',
        'd=gz',
        'e=dir/file.zip.gz',
        'g=dir/file.tor.gz',
      ],
    },
  },
];
