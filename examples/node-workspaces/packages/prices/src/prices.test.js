const assert = require('node:assert');
const { test } = require('node:test');
const { written } = require('./prices.js');

test('cents have two digits', () => assert.equal(written(1205), '12.05 EUR'));
