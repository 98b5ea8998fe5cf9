import js from '@eslint/js';
import { importX } from 'eslint-plugin-import-x';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const CORE = ['core', 'diagnostics', 'events', 'host'];
// Folder → the folders it may import. This table is the architecture; docs/architecture.md explains it.
const MAY_IMPORT = {
  core: [],
  diagnostics: ['core'],
  events: ['core', 'diagnostics'],
  host: ['core', 'diagnostics'],
  http: [...CORE],
  devices: [...CORE],
  dockerfile: ['core', 'diagnostics'],
  content: [...CORE],
  image: [...CORE, 'content'],
  stages: ['core', 'diagnostics', 'dockerfile', 'image'],
  ops: ['core', 'diagnostics', 'dockerfile', 'image', 'stages'],
  tree: [...CORE, 'dockerfile'],
  cache: [...CORE, 'ops'],
  snapshot: [...CORE, 'tree'],
  layer: [...CORE, 'content', 'tree', 'snapshot'],
  sources: [...CORE, 'http', 'layer', 'ops'],
  trust: [...CORE, 'layer', 'tree'],
  registry: [...CORE, 'content', 'http', 'image'],
  export: [...CORE, 'content', 'dockerfile', 'image', 'layer', 'snapshot', 'tree'],
  'remote-cache': [...CORE, 'cache', 'content', 'export', 'image', 'registry'],
  sandbox: [...CORE, 'tree'],
  exec: [
    ...CORE,
    'content',
    'devices',
    'dockerfile',
    'image',
    'layer',
    'ops',
    'registry',
    'sandbox',
    'snapshot',
    'sources',
    'tree',
    'trust',
  ],
  solve: [...CORE, 'ops', 'cache'],
  replay: [...CORE, 'registry', 'tree'],
  containers: [...CORE, 'content', 'image', 'sandbox', 'snapshot', 'tree'],
  report: ['core', 'diagnostics', 'events'],
};
const FOLDERS = [...Object.keys(MAY_IMPORT), 'build', 'cli'];
const zones = Object.entries(MAY_IMPORT).flatMap(([folder, allowed]) =>
  FOLDERS.filter((other) => other !== folder && !allowed.includes(other)).map((other) => ({
    target: `./src/${folder}/**`,
    from: `./src/${other}/**`,
    message: `${folder}/ must not know ${other}/ (see MAY_IMPORT).`,
  })),
);

const NO_LOCALE = {
  selector: "CallExpression[callee.property.name='localeCompare']",
  message: 'The order depends on LANG. Compare code units.',
};

export default defineConfig(
  {
    ignores: [
      'dist',
      'dist.new',
      'node_modules',
      'coverage',
      '.cache',
      '*.config.*',
      'scripts',
      'examples',
    ],
  },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver': { node: { extensions: ['.ts'] } },
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'import-x/no-default-export': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      // `await using _lock = …` is held, not read.
      '@typescript-eslint/no-unused-vars': [
        'error',
        { varsIgnorePattern: '^_', argsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      'no-control-regex': 'off',
      'no-restricted-syntax': ['error', NO_LOCALE],
    },
  },
  {
    files: ['src/**'],
    ignores: ['src/host/**', 'src/testing/**', '**/*.test.ts', '**/*.contract.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [{ name: 'node:child_process', message: 'Start processes through host/.' }],
          patterns: [{ group: ['**/testing/**'], message: 'testing/ is for tests only.' }],
        },
      ],
    },
  },
  {
    // Runs in browsers too: no Node module may be named below this folder.
    files: ['src/dockerfile/**'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*'], message: 'dockerfile/ also runs in browsers.' }] },
      ],
    },
  },
  {
    files: ['**/*.test.ts', '**/*.contract.ts', 'test/**'],
    rules: { 'max-lines-per-function': 'off' },
  },
);
