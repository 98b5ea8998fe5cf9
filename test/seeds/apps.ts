/** A program for Node without dependencies, for texts that ship no node_modules: `dist` is all it needs. */
export const PLAIN_NODE = {
  'package.json': JSON.stringify({
    name: 'plain',
    version: '1.0.0',
    scripts: {
      build: 'mkdir -p dist && cp src/*.js dist/',
      dev: 'node --watch src/server.js',
      start: 'node dist/server.js',
      test: 'node --test src',
    },
  }),
  'package-lock.json': JSON.stringify({
    name: 'plain',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: { '': { name: 'plain', version: '1.0.0' } },
  }),
  'src/server.js': `const { createServer } = require('node:http');
createServer((request, response) => response.end('plain answer')).listen(3000);
process.on('SIGTERM', () => process.exit());
`,
  'src/sum.test.js': `require('node:test').test('sums', () => require('node:assert').equal(1 + 1, 2));\n`,
} as const;

/** A program for Node with one dependency and all of it in `index.js`. */
export const SMALL_NODE = {
  'index.js': `const { lookup } = require('mime-types');
require('node:http')
  .createServer((request, response) => response.end('type ' + lookup(request.url)))
  .listen(3000);
process.on('SIGTERM', () => process.exit());
`,
} as const;

/** A program in Go that needs no C library, whatever the compiler finds. */
export const PLAIN_GO = {
  'go.mod': 'module example.com/plain\n\ngo 1.21\n',
  'go.sum': '',
  'main.go': `package main

import "fmt"

func main() { fmt.Println("plain answer") }
`,
} as const;

/** Where Go keeps them. */
export const COMPILED_PACKAGES = 'root/.cache';

/** What ends up in images of the Go stand-ins besides the program: never in a last stage. */
export const GO_TOOLS = ['usr/lib/go-1.21', 'usr/local/go', 'go', COMPILED_PACKAGES] as const;
