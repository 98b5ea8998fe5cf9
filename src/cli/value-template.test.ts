import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BuildError } from '../diagnostics/build-error.ts';
import { parseValueTemplate } from './value-template.ts';

const VALUE = {
  Id: 'sha256:ab',
  Size: 7,
  RepoTags: ['a:1', 'b:2'],
  Config: { Env: ['A=1', 'B=2'], Labels: { z: '1', 'a.b': '2' } },
};

describe('parseValueTemplate()', () => {
  test.each([
    ['{{.Id}} {{ .Size }}', 'sha256:ab 7'],
    ['{{.RepoTags}}', '[a:1 b:2]'],
    ['{{.Config.Labels}}', 'map[a.b:2 z:1]'],
    ['{{json .Config.Env}}', '["A=1","B=2"]'],
    ['{{json .Config.Nothing}}', 'null'],
    ['{{.Config.Nothing.Below}}', '<no value>'],
    ['{{index .RepoTags 1}}', 'b:2'],
    ['{{index .Config.Labels "a.b"}}', '2'],
    ['{{len .RepoTags}}', '2'],
    ['{{join .RepoTags ", "}}', 'a:1, b:2'],
    ['{{range .Config.Env}}{{println .}}{{end}}', 'A=1\nB=2\n'],
    ['{{range .Config.Env}}<{{.}}>{{else}}none{{end}}', '<A=1><B=2>'],
    ['{{range .Config.Nothing}}x{{else}}none{{end}}', 'none'],
    ['{{if .Config.User}}u{{else}}root{{end}}', 'root'],
    ['{{with .Config}}{{len .Env}}{{end}}', '2'],
    ['a  {{- .Size -}}  b', 'a7b'],
    [String.raw`{{.Id}}\t{{.Size}}`, 'sha256:ab\t7'],
    ['{{.Config.constructor}}{{.Config.__proto__}}', '<no value><no value>'],
    ['{{upper "a"}}{{lower "B"}}{{title "c d"}}', 'AbC D'],
    ['{{range $i, $e := .RepoTags}}{{if $i}}, {{end}}{{$i}}={{$e}}{{end}}', '0=a:1, 1=b:2'],
    ['{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}', 'a.b=2;z=1;'],
    ['{{range .RepoTags}}{{$.Size}}{{.}} {{end}}', '7a:1 7b:2 '],
    ['{{$n := len .RepoTags}}{{if eq $n 2}}two{{else}}other{{end}}', 'two'],
    ['{{$n := 1}}{{if true}}{{$n = 2}}{{end}}{{$n}}', '2'],
    ['{{if eq .Id "x"}}1{{else if eq .Size 7}}2{{else}}3{{end}}', '2'],
    ['{{if and .Id (not .Config.User)}}both{{end}}', 'both'],
    ['{{or .Config.User "root"}}', 'root'],
    ['{{eq .Size 1 7}} {{ne .Size 7}} {{lt 1 2}} {{ge "b" "a"}}', 'true false true true'],
    ['{{.Id | json}}', '"sha256:ab"'],
    ['{{.Config.Labels | len | printf "%03d"}}', '002'],
    [
      '{{printf "%-5s|%5s|%q|%v|%d%%" "a" "b" "c" .RepoTags .Size}}',
      'a    |    b|"c"|[a:1 b:2]|7%',
    ],
    ['{{printf "%s"}}', '%!s(MISSING)'],
    ['{{(index .RepoTags 0)}}', 'a:1'],
    ['{{(index .RepoTags 0) | upper}}', 'A:1'],
    ['{{index (split "a,b" ",") 1}}', 'b'],
    ['{{slice .Id 7 9}} {{truncate .Id 3}} {{pad "x" 1 2}}|', 'ab sha  x  |'],
    ['{{with $c := .Config}}{{len $c.Env}}{{end}}', '2'],
    ['{{/* a note */}}x', 'x'],
    ['{{"}}"}}{{`a"b`}}', '}}a"b'],
    ['{{not nil}} {{true}}', 'true true'],
  ])('%s', (format, expected) => {
    expect(parseValueTemplate(format)(VALUE)).toBe(expected);
  });

  test.each([
    ['{{shout .Id}}'],
    ['{{end}}'],
    ['{{if .Id}}'],
    ['{{index .RepoTags 9}}'],
    ['{{index .Size 0}}'],
    ['{{len .Size}}'],
    ['{{.Id.Below}}'],
    ['{{.Nothing}}'],
    ['{{"a" | .Id}}'],
    ['{{(len .RepoTags}}'],
    ['{{len .RepoTags)}}'],
    ['{{$x}}'],
    ['{{$x = 1}}'],
    ['{{else}}'],
    ['{{if .Id}}{{else range .RepoTags}}{{end}}'],
    ['{{define "a"}}{{end}}'],
    ['{{lt 1 "a"}}'],
    ['{{slice .RepoTags 1 9}}'],
    ['{{pad "x" 99999 1}}'],
    ['{{eq 1}}'],
    ['{{.Id'],
    ['{{"a}}'],
    ['{{#}}'],
    [`{{${'('.repeat(40)}1${')'.repeat(40)}}}`],
    ['x'.repeat(70_000)],
    ['{{}}'],
    ['{{if .Id}}'.repeat(40)],
  ])('refuses %s', (format) => {
    expect(() => parseValueTemplate(format)(VALUE)).toThrow(BuildError);
  });

  test('never throws anything but an error for the user', () => {
    const word = fc.constantFrom(
      ...['{{', '}}', '{{-', ' -}}', '.Id', '.', '$', '$x', ':=', '=', '|', '(', ')', ',', ' '],
      ...['range', 'if', 'with', 'else', 'end', 'index', 'printf', '"%d"', '7', 'json', '"', '`'],
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        try {
          parseValueTemplate(words.join(''))(VALUE);
        } catch (error) {
          expect(error).toBeInstanceOf(BuildError);
        }
      }),
    );
  });
});
