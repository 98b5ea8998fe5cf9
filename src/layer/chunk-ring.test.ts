import { expect, test } from 'vitest';
import { ChunkRing, createRingMemory } from './chunk-ring.ts';
import { hashAside, hashHere } from './hash-aside.ts';

test('gives in order what was put in, cut where a slot is full, and says when it ends', () => {
  const memory = createRingMemory();
  const from = new ChunkRing(memory);
  const to = new ChunkRing(memory);
  const large = Buffer.alloc((1 << 20) + 5, 'large');
  from.put(Buffer.from('small'));
  from.put(large);
  const taken: Buffer[] = [];
  for (let i = 0; i < 3; i++) {
    taken.push(Buffer.from(to.take() ?? []));
    to.release();
  }
  from.end();
  expect(to.take()).toBeUndefined();
  expect(taken.map(({ length }) => length)).toEqual([5, 1 << 20, 5]);
  expect(Buffer.concat(taken)).toEqual(Buffer.concat([Buffer.from('small'), large]));
});

test('a slot is used again once it was given back, and a chunk that was put may change', () => {
  const memory = createRingMemory();
  const from = new ChunkRing(memory);
  const to = new ChunkRing(memory);
  const chunk = Buffer.alloc(4);
  for (let i = 0; i < 20; i++) {
    chunk.writeInt32LE(i);
    from.put(chunk);
    expect(Buffer.from(to.take() ?? []).readInt32LE()).toBe(i);
    to.release();
  }
});

test('a thread that hashes gives the same diff id as this one', async () => {
  using aside = hashAside();
  using here = hashHere();
  // No more than the ring holds: this thread has to load the other one.
  for (const text of ['one', 'two', 'three']) {
    const chunk = Buffer.alloc(300_000, text);
    aside.update(chunk);
    here.update(chunk);
    chunk.fill(0);
  }
  expect(await aside.finish()).toBe(await here.finish());
});

test('a thread that was opened and not used is ended', () => {
  using hash = hashAside();
  expect(hash).toHaveProperty('finish');
});
