import { expect, test } from 'vitest';
import { ChunkRing, createRingMemory } from './chunk-ring.ts';
import { hashAside, hashHere } from './hash-aside.ts';

function copyOfNext(ring: ChunkRing): Buffer {
  const chunk = ring.take();
  const copy = Buffer.from(chunk?.bytes ?? []);
  chunk?.release();
  return copy;
}

test('gives in order what was put in, cut where a slot is full, and says when it ends', () => {
  const memory = createRingMemory();
  const from = new ChunkRing(memory);
  const to = new ChunkRing(memory);
  const large = Buffer.alloc((1 << 20) + 5, 'large');
  from.put(Buffer.from('small'));
  from.put(large);
  const taken: Buffer[] = [];
  for (let i = 0; i < 3; i++) {
    taken.push(copyOfNext(to));
  }
  from.end();
  expect(to.take()).toBeUndefined();
  expect(taken.map(({ length }) => length)).toEqual([5, 1 << 20, 5]);
  expect(Buffer.concat(taken)).toEqual(Buffer.concat([Buffer.from('small'), large]));
});

test('chunks that are filled in place may be released in any order', () => {
  const memory = createRingMemory(2);
  const from = new ChunkRing(memory);
  const to = new ChunkRing(memory);
  const send = (text: string): void => {
    from.pass(from.room().write(text));
  };
  send('one');
  send('two');
  const one = to.take();
  const two = to.take();
  two?.release();
  expect(one?.bytes.toString()).toBe('one');
  one?.release();
  send('three');
  expect(copyOfNext(to).toString()).toBe('three');
});

test('a slot is used again once it was given back, and a chunk that was put may change', () => {
  const memory = createRingMemory();
  const from = new ChunkRing(memory);
  const to = new ChunkRing(memory);
  const chunk = Buffer.alloc(4);
  for (let i = 0; i < 20; i++) {
    chunk.writeInt32LE(i);
    from.put(chunk);
    expect(copyOfNext(to).readInt32LE()).toBe(i);
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
