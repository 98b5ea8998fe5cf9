// The build: the sources, each with the version it was built from.
const { mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const top = join(__dirname, '..');
const { name, version } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
mkdirSync(join(top, 'dist'), { recursive: true });
for (const file of readdirSync(join(top, 'src'))) {
  const text = readFileSync(join(top, 'src', file), 'utf8');
  writeFileSync(join(top, 'dist', file), `// ${name} ${version}\n${text}`);
}
