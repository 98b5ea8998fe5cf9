import { openDiskBlobStore } from '../content/disk-blob-store.ts';

// A process of its own for tests of the blob store: `blob-writer DIR hang|many`.
const [dir = '', mode] = process.argv.slice(2);
const store = openDiskBlobStore(dir);
const { signal } = new AbortController();

async function* halfAndHang(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('half of it');
  process.send?.('half');
  await new Promise(() => {
    // Ends with the process; the timer keeps it alive until then.
    setInterval(() => undefined, 1000);
  });
}

async function* numbered(n: number): AsyncGenerator<Uint8Array> {
  for (let part = 0; part < 10; part++) yield await Promise.resolve(Buffer.alloc(1000, n));
}

if (mode === 'hang') {
  await store.write(halfAndHang(), undefined, signal);
} else {
  for (let n = 0; n < 50; n++) await store.write(numbered(n), undefined, signal);
  process.disconnect();
}
