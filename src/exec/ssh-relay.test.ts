import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSshRelay } from './ssh-relay.ts';

const LIST = message(11);
const SIGN = message(13, 'data');
const FAILURE = message(5);

/** An agent that sends back what it gets, whole, and counts. */
let agent: Server;
let dir: string;
const seen: Buffer[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ssh-relay-'));
  seen.length = 0;
  agent = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      seen.push(bytes);
      socket.write(bytes);
    });
  });
  await new Promise<void>((resolve) => agent.listen(join(dir, 'agent'), resolve));
});

afterEach(async () => {
  await new Promise((resolve) => agent.close(resolve));
  rmSync(dir, { recursive: true });
});

function message(type: number, data = ''): Buffer {
  const body = Buffer.concat([Buffer.from([type]), Buffer.from(data)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

function openRelay(mode = 0o600): Promise<AsyncDisposable> {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  return openSshRelay({ path: join(dir, 'step'), agent: join(dir, 'agent'), ...own, mode });
}

/** Sends `parts` one after the other and gives what comes back until `bytes` are there or it is closed. */
async function talk(parts: readonly Buffer[], bytes: number): Promise<Buffer> {
  const client = createConnection(join(dir, 'step'));
  for (const part of parts) client.write(part);
  let got = Buffer.alloc(0);
  for await (const chunk of client as AsyncIterable<Buffer>) {
    got = Buffer.concat([got, chunk]);
    if (got.length >= bytes) break;
  }
  client.destroy();
  return got;
}

describe('openSshRelay()', () => {
  test('passes on requests to list keys and to sign, in order', async () => {
    await using _relay = await openRelay();
    const sent = Buffer.concat([LIST, SIGN]);
    expect(await talk([LIST, SIGN], sent.length)).toEqual(sent);
  });

  test('puts a request together that arrives in pieces', async () => {
    await using _relay = await openRelay();
    const pieces = [SIGN.subarray(0, 2), SIGN.subarray(2, 6), SIGN.subarray(6)];
    expect(await talk(pieces, SIGN.length)).toEqual(SIGN);
    expect(Buffer.concat(seen)).toEqual(SIGN);
  });

  test.each([
    ['add an identity', 17],
    ['remove an identity', 18],
    ['remove all identities', 19],
    ['add a key of a smart card', 20],
    ['lock the agent', 22],
    ['unlock the agent', 23],
    ['add a constrained identity', 25],
    ['use an extension', 27],
  ])('refuses a request to %s, which the agent never sees', async (_what, type) => {
    await using _relay = await openRelay();
    const got = await talk([message(type, 'x'), LIST], FAILURE.length + LIST.length);
    expect(got).toEqual(Buffer.concat([FAILURE, LIST]));
    expect(Buffer.concat(seen)).toEqual(LIST);
  });

  test.each([
    ['of no length', Buffer.alloc(4)],
    ['longer than any message', Buffer.from('ffffffff0b', 'hex')],
  ])('closes a connection that announces a message %s', async (_what, bytes) => {
    await using _relay = await openRelay();
    expect(await talk([bytes], 1)).toEqual(Buffer.alloc(0));
    expect(seen).toEqual([]);
  });

  test('closes the connection of a step when the agent is gone', async () => {
    await using _relay = await openRelay();
    await new Promise((resolve) => agent.close(resolve));
    expect(await talk([LIST], 1)).toEqual(Buffer.alloc(0));
  });

  test('has the mode that was asked for, and closes with connections open', async () => {
    const relay = await openRelay(0o660);
    expect(statSync(join(dir, 'step')).mode & 0o777).toBe(0o660);
    const client = createConnection(join(dir, 'step'));
    const closed = new Promise((resolve) => client.once('close', resolve));
    client.resume();
    await new Promise((resolve) => client.once('connect', resolve));
    client.write(LIST);
    await new Promise((resolve) => client.once('data', resolve));
    await relay[Symbol.asyncDispose]();
    await closed;
  });
});
