const assert = require('node:assert');
const { once } = require('node:events');
const { test } = require('node:test');
const { createApp } = require('../src/app.js');

test('a note that was posted is in the list', async () => {
  const server = createApp([]).listen(0);
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  try {
    const headers = { 'content-type': 'application/json' };
    const posted = await fetch(`${url}/notes`, {
      method: 'POST',
      headers,
      body: '{"text":"milk"}',
    });
    assert.strictEqual(posted.status, 201);
    const refused = await fetch(`${url}/notes`, { method: 'POST', headers, body: '{}' });
    assert.strictEqual(refused.status, 400);
    assert.deepStrictEqual((await (await fetch(url)).json()).notes, ['milk']);
  } finally {
    server.close();
  }
});
