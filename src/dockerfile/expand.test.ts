import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expandWord, expandWords, type ExpandOptions } from './expand.ts';

const VARIABLES = new Map([
  ['HOME', '/root'],
  ['EMPTY', ''],
  ['KO', '한국어'],
  ['FILE', '/a/foo/b/c.tar.gz'],
  ['STARS', 'a***yy*'],
  ['ODD', '()[]{}^$.*?|\\x'],
  ['LINES', 'one\ntwo\nthree'],
  ['FACES', '😀x😀'],
  ['WORDS', ' ab  c '],
]);
const lookup = (name: string): string | undefined => VARIABLES.get(name);

/** The text, or the reason behind "error: ". */
function expanded(raw: string, options?: ExpandOptions): string {
  const result = expandWord(raw, lookup, options);
  return result.ok ? result.text : `error: ${result.message}`;
}

describe('expandWord()', () => {
  test.each<[string, string]>([
    ['hello', 'hello'],
    ['', ''],
    ["he'll'o", 'hello'],
    ["he\\'llo", "he'llo"],
    ['abc\\tdef', 'abctdef'],
    ['"abc\\tdef"', 'abc\\tdef'],
    ['"abc\\\\tdef"', 'abc\\tdef'],
    ["'abc\\tdef'", 'abc\\tdef'],
    ['hello\\', 'hello'],
    ['hello\\\\', 'hello\\'],
    ['"it\'s $HOME"', "it's /root"],
    ["'$HOME'", '$HOME'],
    ['\\$HOME "\\$HOME"', '$HOME $HOME'],
    ['$HOME/x', '/root/x'],
    ['${HOME}x', '/rootx'],
    ['$NOPE.', '.'],
    ['$KO$HOMEx', '한국어'],
    ['$. $', '$. $'],
    ['$12x$@@', 'x@'],
    ['${?:-q}${0:+r}', 'q'],
  ])('reads %j as %j', (raw, text) => {
    expect(expanded(raw)).toBe(text);
  });

  test.each<[string, string]>([
    ['${HOME:-w} ${EMPTY:-w} ${NOPE:-w}', '/root w w'],
    ['${HOME-w} ${EMPTY-w} ${NOPE-w}', '/root  w'],
    ['${HOME:+w} ${EMPTY:+w} ${NOPE:+w}', 'w  '],
    ['${HOME+w} ${EMPTY+w} ${NOPE+w}', 'w w '],
    ['${HOME?m}${EMPTY?m}${HOME:?m}', '/root/root'],
    ['${NOPE:-${ALSO:-$HOME}}', '/root'],
    ['${NOPE:-a b\\}c "}"}', 'a b}c }'],
    ['${FILE#*/}', 'a/foo/b/c.tar.gz'],
    ['${FILE##*/}', 'c.tar.gz'],
    ['${FILE%.*}', '/a/foo/b/c.tar'],
    ['${FILE%%.*}', '/a/foo/b/c'],
    ['${FILE#x}${FILE%x}', '/a/foo/b/c.tar.gz/a/foo/b/c.tar.gz'],
    ['${FILE#}${FILE%%}', '/a/foo/b/c.tar.gz/a/foo/b/c.tar.gz'],
    ['${FILE#/?/?oo}', '/b/c.tar.gz'],
    ['${STARS%%\\**\\*}', 'a'],
    ['${STARS#?\\*}', '**yy*'],
    ['${ODD#()[]{\\}^$.\\*\\?|\\\\}', 'x'],
    ['${FILE/a/X} ${FILE//a/X}', '/X/foo/b/c.tar.gz /X/foo/b/c.tXr.gz'],
    ['${FILE/\\/?\\//:}', ':foo/b/c.tar.gz'],
    ['${FILE//\\//-}', '-a-foo-b-c.tar.gz'],
    ['${FILE//[/x}', '/a/foo/b/c.tar.gz'],
    ['${FILE/.*/}', '/a/foo/b/c'],
    ['${HOME//}${HOME///}', "error: syntax error: missing '/' in ${}"],
    ['${HOME//$EMPTY/-}', '-/-r-o-o-t-'],
    ['${HOME//*/-}', '-'],
    ['${HOME//o/$HOME}', '/r/root/roott'],
    ['${LINES#*t}', 'one\ntwo\nthree'],
    ['${LINES//*/x}', 'x\nx\nx'],
    ['${FACES#?}|${FACES//?/.}', 'x😀|...'],
  ])('substitutes %s', (raw, text) => {
    expect(expanded(raw)).toBe(text);
  });

  test.each<[string, string]>([
    ["a'b", 'unexpected end of statement while looking for matching single-quote'],
    ['a"b', 'unexpected end of statement while looking for matching double-quote'],
    ['"a\\"', 'unexpected end of statement while looking for matching double-quote'],
    ['${', "syntax error: missing '}'"],
    ['${HOME', "syntax error: missing '}'"],
    ['${HOME:-w', "syntax error: missing '}'"],
    ["${HOME:-'w}", "syntax error: missing '}'"],
    ['${}', 'syntax error: bad substitution'],
    ['${:-w}', 'syntax error: bad substitution'],
    ['${{HOME}', 'syntax error: bad substitution'],
    ['${.}', 'unsupported modifier (.) in substitution'],
    ['${HOME=w}', 'unsupported modifier (=) in substitution'],
    ['${HOME:=w}', 'unsupported modifier (:=) in substitution'],
    ['${HOME:#w}', 'unsupported modifier (:#) in substitution'],
    ['${HOME:%%w}', 'unsupported modifier (:%) in substitution'],
    ['${NOPE?}', 'NOPE: is not allowed to be unset'],
    ['${NOPE:?}', 'NOPE: is not allowed to be unset'],
    ['${EMPTY:?}', 'EMPTY: is not allowed to be empty'],
    ['${NOPE:?say $HOME}', 'NOPE: say /root'],
    ['${HOME/a', "syntax error: missing '/' in ${}"],
    ['${HOME/a/b', "syntax error: missing '}'"],
    ['${HOME#\\x}', "invalid pattern (\\x) in substitution: invalid escape '\\x'"],
    ['${HOME/\\x/y}', "invalid pattern (\\x) in substitution: invalid escape '\\x'"],
  ])('refuses %s', (raw, message) => {
    expect(expandWord(raw, lookup)).toEqual({ ok: false, message });
  });

  test.each<[string, ExpandOptions, string, string]>([
    ['another escape character', { escape: '`' }, 'C:\\x`$y"`""', 'C:\\x$y"'],
    ['quotes kept', { keepsQuotes: true }, `"$HOME" 'x'\\"`, `"/root" 'x'"`],
    ['escapes kept', { keepsEscapes: true }, '\\a"\\""', '\\a\\"'],
    [
      'unset kept',
      { keepsUnset: true },
      '$NOPE ${NOPE} ${NOPE:-x} $HOME',
      '$NOPE ${NOPE} ${NOPE:-x} /root',
    ],
    ['quotes ignored', { ignoresQuotes: true }, `it's "$HOME"`, `it's "/root"`],
  ])('has an option: %s', (_what, options, raw, text) => {
    expect(expanded(raw, options)).toBe(text);
  });

  test('tells which variables were used and which were missing', () => {
    expect(expandWord('$B${HOME}${A:-$KO}$B', lookup)).toMatchObject({
      usedVariables: ['HOME', 'KO'],
      undefinedVariables: ['B', 'A'],
    });
  });

  test('limits nesting, length and matching instead of running out of stack, memory or time', () => {
    expect(expanded('${a:-'.repeat(10_000) + '}'.repeat(10_000))).toBe(
      'error: substitutions are nested more than 500 levels deep',
    );
    const big = 'x'.repeat(3_000_000);
    expect(expandWord('$a$a', () => big)).toEqual({
      ok: false,
      message: 'the result is longer than 4194304 characters',
    });
    expect(expandWord('${a//x/xx}', () => big)).toMatchObject({ ok: false });
    const hard = `\${a//${'?'.repeat(1000)}y/}`;
    expect(expandWord(hard, () => big)).toMatchObject({ ok: false });
  });

  test('never throws, whatever the text', () => {
    const pieces = fc.constantFrom(
      ...['$', '{', '}', ':', '-', '+', '?', '#', '%', '/', '*', '\\', '"', "'", '`', '<', ' '],
      ...['a', 'HOME', '😀', '\ud800', '\0', '\n'],
    );
    fc.assert(
      fc.property(fc.array(pieces), fc.boolean(), (parts, keepsUnset) => {
        const raw = parts.join('');
        const word = expandWord(raw, lookup, { keepsUnset });
        const words = expandWords(raw, lookup, { keepsUnset });
        expect(words.ok).toBe(word.ok);
      }),
      { numRuns: 2000 },
    );
  });

  test('agrees with a RegExp about patterns', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 12 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 5 });
    const source = (glob: string, star: string): string =>
      glob.replace(/[*?]/g, (sign) => (sign === '*' ? star : '.'));
    fc.assert(
      fc.property(text, pattern, (value, glob) => {
        const of = (form: string): string => {
          const result = expandWord(form, (name) => (name === 'v' ? value : glob));
          return result.ok ? result.text : result.message;
        };
        expect(of('${v#$p}')).toBe(value.replace(new RegExp(`^${source(glob, '.*?')}`), ''));
        expect(of('${v##$p}')).toBe(value.replace(new RegExp(`^${source(glob, '.*')}`), ''));
        expect(of('${v/$p/X}')).toBe(value.replace(new RegExp(source(glob, '.*')), 'X'));
        const suffixes = Array.from({ length: value.length + 1 }, (_, i) => i).filter((i) =>
          new RegExp(`^${source(glob, '.*')}$`).test(value.slice(i)),
        );
        expect(of('${v%$p}')).toBe(value.slice(0, suffixes.at(-1) ?? value.length));
        expect(of('${v%%$p}')).toBe(value.slice(0, suffixes[0] ?? value.length));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('expandWords()', () => {
  test.each<[string, string[]]>([
    ['hello there', ['hello', 'there']],
    ['  a  ', ['a']],
    ['x${WORDS}y', ['x', 'ab', 'c', 'y']],
    ['x"${WORDS}"y', ['x ab  c y']],
    ['a\\ b "c d"', ['a b', 'c d']],
    ['"" \'\'', []],
    ['80${NOPE:-81 82}', ['8081', '82']],
    ['a <<  EOF b', ['a', '<<  EOF', 'b']],
    ['$NOPE', []],
  ])('splits %j', (raw, words) => {
    expect(expandWords(raw, lookup)).toMatchObject({ ok: true, words });
  });
});
