import { parseDockerfile } from '../src/dockerfile/parse-dockerfile.ts';

/*
 * Shows that parsing takes time and memory in proportion to the file, whatever is in it:
 *
 *     npm run bench:parse
 *
 * Each row is one kind of file in four sizes, each twice the one before.
 */

const USUAL = [
  'RUN apt-get update && apt-get install -y \\\n    curl git \\\n    # editors\n    vim\n',
  'COPY --from=build --chown=1000:1000 /app/dist/server /usr/local/bin/\n',
  'ENV NODE_ENV=production GREETING="hello world" COPY=$NODE_ENV\n',
  'RUN <<EOF\nset -e\necho "a script in the file"\nEOF\n',
  'CMD ["node", "index.js", "--port", "3000"]\n',
  '# what it is for\nLABEL org.opencontainers.image.title=bench\n',
];
const SIZES = [6_250, 12_500, 25_000, 50_000];
const RUNS = 5;

/** `count` is the number of instructions; the largest file of the first kind has 5 MB. */
const KINDS: Readonly<Record<string, (count: number) => string>> = {
  'usual instructions': (count) => {
    const lines = Array.from({ length: count }, (_, i) => USUAL[i % USUAL.length] ?? '').join('');
    const filler = Math.max(0, Math.ceil((count * 100 - lines.length) / 9));
    return `FROM scratch\n${lines}${'# filler\n'.repeat(filler)}`;
  },
  'one RUN of many lines': (count) => `FROM scratch\nRUN a ${'\\\n  && b c d '.repeat(count)}\n`,
  'one heredoc of many lines': (count) =>
    `FROM scratch\nRUN <<EOF\n${'echo a line\n'.repeat(count)}EOF\n`,
  'comments in a continued line': (count) =>
    `FROM scratch\nRUN a \\\n${'# why, and why not\n'.repeat(count)} b\n`,
  'quotes that nobody closes': (count) =>
    `FROM scratch\n${'ENV A="b C=\'d \\"e\n'.repeat(Math.min(count, 50_000))}`,
  'JSON that is none': (count) => `FROM scratch\n${'CMD ["a", "b", [[[[\n'.repeat(count)}`,
  'stages of one line': (count) => 'FROM scratch\n'.repeat(Math.min(count, 1_000)),
};

for (const [kind, make] of Object.entries(KINDS)) {
  const cells = SIZES.map((count) => measure(make(count)));
  process.stdout.write(`${kind}\n`);
  for (const { bytes, ms, heapBytes } of cells) {
    const perMegabyte = (ms / bytes) * 1e6;
    process.stdout.write(
      `  ${megabytes(bytes)} in ${ms.toFixed(0).padStart(4)} ms: ${perMegabyte.toFixed(0).padStart(4)} ms and ${megabytes((heapBytes / bytes) * 1e6)} of heap a MB\n`,
    );
  }
}

interface Measured {
  readonly bytes: number;
  /** CPU time, the least of a few runs. */
  readonly ms: number;
  /** What the result holds on to. */
  readonly heapBytes: number;
}

function measure(text: string): Measured {
  const times: number[] = [];
  let heapBytes = 0;
  globalThis.gc?.();
  // Once: later the result of the run before may still be held.
  const before = process.memoryUsage().heapUsed;
  for (let run = 0; run < RUNS; run++) {
    const start = process.cpuUsage();
    const parsed = parseDockerfile({ path: 'Dockerfile', text });
    const { user, system } = process.cpuUsage(start);
    times.push((user + system) / 1000);
    if (run > 0) continue;
    globalThis.gc?.();
    heapBytes = process.memoryUsage().heapUsed - before;
    // Also keeps the result alive until it is measured.
    if (parsed.ast.source.text.length !== text.length) throw new Error('Something was left out');
  }
  return { bytes: text.length, ms: Math.min(...times), heapBytes };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1).padStart(5)} MB`;
}
