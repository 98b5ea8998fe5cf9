import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Numbers that look random and are the same in every run (a linear congruential generator). */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
}

/** `count` files of about `bytes` each, 100 to a directory. A third of the content does not compress. */
export function writeFiles(dir: string, count: number, bytes: number, seed = 1): void {
  const next = numbers(seed);
  for (let i = 0; i < count; i++) {
    const path = join(dir, `d${String(Math.floor(i / 100))}`, `f${String(i)}.txt`);
    if (i % 100 === 0) mkdirSync(dirname(path), { recursive: true });
    const size = Math.max(1, Math.floor(bytes * (0.5 + (next() % 1000) / 1000)));
    writeFileSync(path, i % 3 === 0 ? noise(size, next) : text(size, i));
  }
}

/** Bytes that do not compress. */
export function noise(size: number, next: () => number): Buffer {
  const buffer = Buffer.alloc(size + 4);
  for (let at = 0; at < size; at += 4) buffer.writeUInt32LE(next(), at);
  return buffer.subarray(0, size);
}

function text(size: number, i: number): Buffer {
  return Buffer.alloc(size, `line ${String(i)} of a source file that compresses well\n`);
}

/** Writes one file, making its directory. */
export function put(dir: string, name: string, content: string | Buffer): void {
  const path = join(dir, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
