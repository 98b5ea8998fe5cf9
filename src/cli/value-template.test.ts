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
    ['{{range .Nothing}}x{{else}}none{{end}}', 'none'],
    ['{{if .Config.User}}u{{else}}root{{end}}', 'root'],
    ['{{with .Config}}{{len .Env}}{{end}}', '2'],
    ['a  {{- .Size -}}  b', 'a7b'],
    [String.raw`{{.Id}}\t{{.Size}}`, 'sha256:ab\t7'],
    ['{{.constructor}}{{.__proto__}}', '<no value><no value>'],
  ])('%s', (format, expected) => {
    expect(parseValueTemplate(format)(VALUE)).toBe(expected);
  });

  test.each([
    ['{{upper .Id}}'],
    ['{{end}}'],
    ['{{if .Id}}'],
    ['{{index .RepoTags 9}}'],
    ['{{index .Size 0}}'],
    ['{{len .Size}}'],
    ['{{.Id.Below}}'],
    ['{{.Id | json}}'],
    ['{{}}'],
    ['{{if .Id}}'.repeat(40)],
  ])('refuses %s', (format) => {
    expect(() => parseValueTemplate(format)(VALUE)).toThrow(BuildError);
  });
});
