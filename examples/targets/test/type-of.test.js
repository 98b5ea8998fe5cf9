const assert = require('node:assert');
const { test } = require('node:test');
const { green } = require('picocolors');
const { typeOf } = require('../src/type-of.js');

test('the end of a path tells the type', () => {
  assert.strictEqual(typeOf('/logo.svg'), 'image/svg+xml');
  assert.strictEqual(typeOf('/unknown'), 'application/octet-stream');
  console.log(green('types are right'));
});
