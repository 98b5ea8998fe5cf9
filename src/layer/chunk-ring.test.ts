import { expect, test } from 'vitest';
import { CHUNK_BYTES, ChunkRing, createRingMemory } from './chunk-ring.ts';
import { hashAside, hashHere } from './hash-aside.ts';

function copyOfNext(ring: ChunkRing): Buffer {
  const chunk = ring.take();
  const copy = Buffer.from(chunk?.bytes ?? []);
  chunk?.release();
  return copy;
}

function send(ring: ChunkRing, text: string): void {
  ring.pass(ring.room().write(text));
}

test('gives in order what was put in, and says when it ends', () => {
  const memory = createRingMemory();
  const from = new ChunkRing(memory);
  const to = new ChunkRing(memory);
  const full = 'x'.repeat(CHUNK_BYTES);
  for (const text of ['small', full, 'smaller']) send(from, text);
  for (const text of ['small', full, 'smaller']) expect(copyOfNext(to).toString()).toBe(text);
  from.end();
  expect(to.take()).toBeUndefined();
});

test('chunks that are filled in place may be released in any order', () => {
  const memory = createRingMemory(2);
  const from = new ChunkRing(memory);
  const to = new ChunkRing(memory);
  send(from, 'one');
  send(from, 'two');
  const one = to.take();
  const two = to.take();
  two?.release();
  expect(one?.bytes.toString()).toBe('one');
  one?.release();
  send(from, 'three');
  expect(copyOfNext(to).toString()).toBe('three');
});

test('a slot is used again once it was released', () => {
  const memory = createRingMemory();
  const from = new ChunkRing(memory);
  const to = new ChunkRing(memory);
  for (let i = 0; i < 20; i++) {
    send(from, String(i));
    expect(copyOfNext(to).toString()).toBe(String(i));
  }
});

test('a thread that hashes gives the same diff id as this one', async () => {
  using aside = hashAside();
  using here = hashHere();
  // No more than the ring holds: this thread has to load the other one.
  for (const text of ['one', 'two', 'three']) {
    for (const hash of [aside, here]) {
      const chunk = (hash.room?.() ?? Buffer.alloc(CHUNK_BYTES)).subarray(0, 300_000);
      chunk.fill(text);
      hash.update(chunk);
    }
  }
  expect(await aside.finish()).toBe(await here.finish());
});

test('a thread that was opened and not used is ended', () => {
  using hash = hashAside();
  expect(hash).toHaveProperty('finish');
});
