import { expect, test } from 'vitest';
import { withGoNames } from './go-names.ts';
import { withGoZeroValues } from './go-zero-values.ts';
import { parseValueTemplate } from './value-template.ts';

const render = (template: string, value: unknown): string => parseValueTemplate(template)(value);

test('withGoNames() lets fields be asked for by the names that Go has for them', () => {
  const facts = { manifest: { mediaType: 'm', manifests: [{ platform: { os: 'linux' } }] } };
  const named = withGoNames(facts);
  expect(render('{{.Manifest.MediaType}}', named)).toBe('m');
  expect(render('{{range .Manifest.Manifests}}{{.Platform.OS}}{{end}}', named)).toBe('linux');
  expect(render('{{json .}}', named)).toBe(JSON.stringify(facts));
});

// What docker 28 prints of an image whose config says nothing of it.
test.each([
  ['{{.Config.User}}', ''],
  ['{{.Config.Entrypoint}}', '[]'],
  ['{{.Config.Volumes}}', 'map[]'],
  ['{{len .Config.OnBuild}}', '0'],
  ['{{json .Config.Entrypoint}} {{json .Config.Labels}}', 'null null'],
  ['{{range .Config.Env}}x{{end}}', ''],
  ['{{if .Config.User}}user{{else}}root{{end}}', 'root'],
  ['{{.Variant}}', ''],
  ['{{.Config.Cmd}}', '[sh]'],
  ['{{json .Config}}', '{"Cmd":["sh"]}'],
])('withGoZeroValues() makes %s %j', (template, text) => {
  const image = withGoZeroValues({ Os: 'linux', Config: { Cmd: ['sh'], User: undefined } });
  expect(render(template, image)).toBe(text);
});
