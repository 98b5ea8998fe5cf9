import { noise, numbers, put, writeFiles } from './files.ts';
import type { Workload } from './workload.ts';

const TREE_FILES = 50_000;

/** 12 instructions, 3 stages, 200 context files. */
const THREE_STAGES = (base: string): string => `FROM ${base} AS deps
WORKDIR /app
COPY package.json ./
RUN cp package.json installed.json

FROM deps AS build
COPY src ./src
RUN cat src/*/* | wc -c > size.txt

FROM ${base}
WORKDIR /app
ENV NODE_ENV=production
COPY --from=deps /app/installed.json ./
COPY --from=build /app/size.txt ./
CMD ["cat", "size.txt"]
`;

function prepareThreeStages(dir: string, base: string): void {
  put(dir, 'Dockerfile', THREE_STAGES(base));
  put(dir, 'package.json', '{"name":"bench"}\n');
  writeFiles(`${dir}/src`, 200, 4_000);
}

/** The workloads in the order of docs/performance.md. W3 and W4 take the number of files. */
export function workloads(files = TREE_FILES): readonly Workload[] {
  return [...smallWorkloads(), ...treeWorkloads(files), ...stepWorkloads(), ...transferWorkloads()];
}

function smallWorkloads(): Workload[] {
  return [
    {
      id: 'W1a',
      title: 'the same command again, everything cached: 12 instructions, 3 stages, 200 files',
      command: 'build',
      start: 'warm',
      isRepeated: true,
      prepare: prepareThreeStages,
    },
    {
      id: 'W1b',
      title: 'the same under another name',
      command: 'build',
      start: 'warm',
      prepare: prepareThreeStages,
    },
    {
      id: 'W2',
      title: 'rebuild after one source file changed, two steps run',
      command: 'build',
      start: 'warm',
      prepare: prepareThreeStages,
      touch: (dir, run) =>
        put(dir, 'src/d0/f1.txt', `changed ${String(run)} ${String(Date.now())}\n`),
    },
  ];
}

function treeWorkloads(files: number): Workload[] {
  return [
    {
      id: 'W3a',
      title: `context of ${String(files)} files, 4 KB each: first build`,
      command: 'build',
      start: 'first',
      prepare(dir, base) {
        put(dir, 'Dockerfile', `FROM ${base}\nCOPY tree /tree\n`);
        writeFiles(`${dir}/tree`, files, 4_000);
      },
      limit: {
        title: 'cp -a',
        // Into a new place each time: after many files were removed, ext4 makes new ones slowly.
        command: 'cp -a tree ../limit-$$',
      },
    },
    {
      id: 'W3b',
      title: `the same context unchanged: rebuild`,
      command: 'build',
      start: 'warm',
      isRepeated: true,
      prepare(dir, base) {
        put(dir, 'Dockerfile', `FROM ${base}\nCOPY tree /tree\n`);
        writeFiles(`${dir}/tree`, files, 4_000);
      },
      limit: { title: 'find -printf', command: "find tree -printf '%s %T@ %i\\n' | sha256sum" },
    },
    {
      id: 'W4a',
      title: `COPY --from of ${String(files)} files, 11 KB each`,
      command: 'build',
      start: 'cold',
      prebuilt: 'tree',
      touch: (dir, run) => put(dir, 'tree/mark', `${String(run)} ${String(Date.now())}\n`),
      prepare(dir, base) {
        put(
          dir,
          'Dockerfile',
          `FROM ${base} AS tree\nCOPY tree /tree\nFROM ${base}\nCOPY --from=tree /tree /out\n`,
        );
        writeFiles(`${dir}/tree`, files, 11_000);
      },
      limit: { title: 'cp -al', command: 'cp -al tree ../limit-$$' },
    },
    {
      id: 'W4b',
      title: 'the same COPY --from, cached',
      command: 'build',
      start: 'warm',
      isRepeated: true,
      prepare(dir, base) {
        put(
          dir,
          'Dockerfile',
          `FROM ${base} AS tree\nCOPY tree /tree\nFROM ${base}\nCOPY --from=tree /tree /out\n`,
        );
        writeFiles(`${dir}/tree`, files, 11_000);
      },
    },
  ];
}

function stepWorkloads(): Workload[] {
  return [
    {
      id: 'W5',
      title: '30 x RUN true, no cache',
      command: 'build',
      start: 'cold',
      noCache: true,
      prepare: (dir, base) => put(dir, 'Dockerfile', `FROM ${base}\n${'RUN true\n'.repeat(30)}`),
    },
    {
      id: 'W6',
      title: '8 independent stages of RUN sleep 1, joined',
      command: 'build',
      start: 'cold',
      noCache: true,
      prepare(dir, base) {
        const stages = Array.from({ length: 8 }, (_, i) => i);
        const text = [
          ...stages.map(
            (i) => `FROM ${base} AS s${String(i)}\nRUN sleep 1 && echo ${String(i)} > /out`,
          ),
          `FROM ${base}`,
          ...stages.map((i) => `COPY --from=s${String(i)} /out /out${String(i)}`),
        ];
        put(dir, 'Dockerfile', `${text.join('\n')}\n`);
      },
      limit: { title: 'sleep 1', command: 'sleep 1' },
    },
    {
      id: 'W9',
      title: 'an unused stage with RUN sleep 30',
      command: 'build',
      start: 'cold',
      noCache: true,
      prepare: (dir, base) =>
        put(dir, 'Dockerfile', `FROM ${base} AS unused\nRUN sleep 30\nFROM ${base}\nRUN true\n`),
    },
  ];
}

function transferWorkloads(): Workload[] {
  // Else the registry has the layer from the run before, and nothing is sent.
  const touch = (dir: string, run: number): void =>
    put(dir, 'data/mark', `${String(run)} ${String(Date.now())}\n`);
  const prepare = (dir: string, base: string): void => {
    const next = numbers(7);
    for (let i = 0; i < 50; i++) {
      const isNoise = i % 2 === 0;
      const size = 10_000_000;
      const line = `row ${String(i)} of a table that compresses\n`;
      put(dir, `data/f${String(i)}`, isNoise ? noise(size, next) : Buffer.alloc(size, line));
    }
    put(dir, 'Dockerfile', `FROM ${base}\nCOPY data /data\n`);
  };
  return [
    {
      id: 'W7',
      title: 'push of a fresh 500 MB image, half of it incompressible',
      command: 'push',
      start: 'cold',
      touch,
      prepare,
      limit: { title: 'tar | pigz', command: 'tar cf - data | pigz -6 | wc -c' },
    },
    {
      id: 'W8',
      title: 'pull and unpack of that image',
      command: 'pull',
      start: 'cold',
      touch,
      prepare,
    },
  ];
}
