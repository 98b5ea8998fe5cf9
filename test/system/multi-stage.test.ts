import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildWithEvents } from '../support/build-events.ts';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import { startFileServer } from '../support/file-server.ts';

let rig: BaseRig;

beforeAll(async () => {
  rig = await openBaseRig({
    images: [
      'alpine:latest',
      'alpine:3.21',
      'busybox:latest',
      'golang:1.21-alpine',
      'node:20',
      'node:20-alpine',
    ],
  });
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** What a command in a container of the image prints. */
async function outputOf(image: string, ...command: string[]): Promise<string> {
  const { status, stdout, stderr } = await rig.run(['run', '--rm', image, ...command]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('the Dockerfiles of the tutorial', () => {
  test('"Basic Syntax" ships a Go program without its compiler', async () => {
    const context = rig.context({
      Dockerfile: `# syntax=docker/dockerfile:1

# Stage 1: Named "builder"
FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY . .
RUN go build -o myapp

# Stage 2: Final production image
FROM alpine:3.21
COPY --from=builder /app/myapp /usr/local/bin/
CMD ["myapp"]
`,
      'go.mod': 'module myapp\n\ngo 1.21\n',
      'main.go': 'package main\n\nfunc main() { println("built in another stage") }\n',
    });
    const { status, stderr } = await rig.run(['build', '-t', 'basic', context]);
    expect(status, stderr).toBe(0);
    const ran = await rig.run(['run', '--rm', 'basic']);
    expect(ran).toMatchObject({ status: 0, stderr: 'built in another stage\n' });
    expect(await outputOf('basic', 'sh', '-c', 'ls /app /usr/lib/go-1.21 2>&1 || true')).toMatch(
      /No such file.*\n.*No such file/,
    );
  });

  const install = `RUN mkdir -p /app/node_modules/greet && echo "module.exports = 'hello'" > /app/node_modules/greet/index.js`;
  const bundle = `RUN mkdir -p /app/dist && node -e "fs.writeFileSync('/app/dist/out.txt', require('/node_modules/greet'))"`;

  test.each([
    {
      section: 'Explicit Names',
      text: `FROM node:20 AS dependencies
${install}

FROM node:20 AS builder
COPY --from=dependencies /app/node_modules ./node_modules
${bundle}

FROM node:20-alpine AS production
COPY --from=builder /app/dist ./dist
`,
    },
    {
      section: 'Numeric References',
      text: `FROM node:20
${install}

FROM node:20
COPY --from=0 /app/node_modules ./node_modules
${bundle}

FROM node:20-alpine
COPY --from=1 /app/dist ./dist
`,
    },
  ])('"$section" hands files from stage to stage', async ({ section, text }) => {
    const tag = section.toLowerCase().replace(' ', '-');
    const context = rig.context({ Dockerfile: text });
    const { status, stderr } = await rig.run(['build', '-t', tag, context]);
    expect(status, stderr).toBe(0);
    expect(await outputOf(tag, 'cat', '/dist/out.txt')).toBe('hello');
    expect(await outputOf(tag, 'sh', '-c', 'ls -d /app 2>/dev/null || true')).toBe('');
  });

  const conditional = `# syntax=docker/dockerfile:1
ARG BUILD_ENV=production

FROM node:20 AS development
ENV NODE_ENV=development
CMD ["npm", "run", "dev"]

FROM node:20-alpine AS production
ENV NODE_ENV=production
CMD ["node", "dist/server.js"]

FROM \${BUILD_ENV} AS final
`;

  test.each([
    { flags: [], built: 'production', base: 'node:20-alpine' },
    { flags: ['--build-arg', 'BUILD_ENV=development'], built: 'development', base: 'node:20' },
    { flags: ['--build-arg', 'BUILD_ENV=production'], built: 'production', base: 'node:20-alpine' },
  ])('"Conditional Stages" with $flags is the stage $built', async ({ flags, built, base }) => {
    const context = rig.context({ Dockerfile: conditional });
    const log = await buildWithEvents(rig, ['-t', built, ...flags, context]);
    expect(log.status, log.stderr).toBe(0);
    expect(log.planned).toHaveLength(1);
    expect(log.planned[0]).toContain(`FROM docker.io/library/${base}@sha256:`);
    expect(await outputOf(built, 'sh', '-c', 'echo $NODE_ENV')).toBe(`${built}\n`);
  });

  test('"Parallel Stages" fetch at the same time, and the last stage has both files', async () => {
    await using server = await startFileServer(
      { '/config.json': '{"ready":true}\n', '/data.csv': 'a,b\n1,2\n' },
      { isRendezvous: true },
    );
    const context = rig.context({
      Dockerfile: `# syntax=docker/dockerfile:1

# Independent stages run in parallel
FROM alpine AS fetch-config
RUN wget ${server.url}/config.json -O /config.json

FROM alpine AS fetch-data
RUN wget ${server.url}/data.csv -O /data.csv

# Final stage waits for both
FROM alpine AS final
COPY --from=fetch-config /config.json /app/
COPY --from=fetch-data /data.csv /app/
`,
    });
    const words = ['build', '--network=host', '-t', 'parallel', context];
    const { status, stderr } = await rig.run(words);
    expect(status, stderr).toBe(0);
    expect(await outputOf('parallel', 'cat', '/app/config.json', '/app/data.csv')).toBe(
      '{"ready":true}\na,b\n1,2\n',
    );
  });
});

describe('COPY --from', () => {
  test('takes stages by name and index, images, and named contexts', async () => {
    const named = rig.context({ 'named.txt': 'named context\n' });
    const context = rig.context({
      Dockerfile: `FROM scratch AS first
COPY own.txt /out/by-name.txt
FROM scratch
COPY own.txt /out/by-index.txt
FROM first AS derived
COPY own.txt /out/derived.txt
FROM busybox
COPY --from=first /out/by-name.txt /got/
COPY --from=1 /out/by-index.txt /got/
COPY --from=derived /out/ /got/all/
COPY --from=alpine:3.21 /etc/passwd /got/image.txt
COPY --from=extra named.txt /got/
`,
      'own.txt': 'own context\n',
    });
    const extra = ['--build-context', `extra=${named}`];
    const { status, stderr } = await rig.run(['build', '-t', 'forms', ...extra, context]);
    expect(status, stderr).toBe(0);
    const list = await outputOf('forms', 'sh', '-c', 'cd /got && find . -type f | sort');
    expect(list.trim().split('\n')).toEqual([
      './all/by-name.txt',
      './all/derived.txt',
      './by-index.txt',
      './by-name.txt',
      './image.txt',
      './named.txt',
    ]);
    const texts = await outputOf('forms', 'sh', '-c', 'cd /got && cat by-*.txt named.txt');
    expect(texts).toBe('own context\nown context\nnamed context\n');
    expect(await outputOf('forms', 'head', '-n1', '/got/image.txt')).toContain('root:x:0:0:');
  });
});

describe('the graph', () => {
  const dockerfile = `FROM busybox AS tools
RUN echo tools > /tools
FROM busybox AS unused
RUN exit 9
FROM busybox AS left
COPY left.txt /
RUN cat /left.txt > /left.out
FROM busybox AS right
COPY right.txt /
RUN cat /right.txt > /right.out
FROM scratch AS both
COPY --from=left /left.out /
COPY --from=right /right.out /
FROM both AS last
COPY --from=tools /tools /
`;

  test('has no steps of stages that the target does not need', async () => {
    const context = rig.context({ Dockerfile: dockerfile, 'left.txt': 'l', 'right.txt': 'r' });
    const whole = await buildWithEvents(rig, ['-t', 'whole', context]);
    expect(whole.status, whole.stderr).toBe(0);
    expect(whole.planned.filter((name) => name.includes('unused'))).toEqual([]);
    const part = await buildWithEvents(rig, ['-t', 'part', '--target', 'left', context]);
    expect(part.status, part.stderr).toBe(0);
    const stages = part.planned.map((name) => /^\[(\S+)/.exec(name)?.[1]);
    expect(new Set(stages)).toEqual(new Set(['internal]', 'left']));
  });

  test('runs nothing the second time, and after a change only what reads the file', async () => {
    const context = rig.context({ Dockerfile: dockerfile, 'left.txt': '1', 'right.txt': '2' });
    const first = await buildWithEvents(rig, ['-t', 'again', context]);
    expect(first.status, first.stderr).toBe(0);
    const second = await buildWithEvents(rig, ['-t', 'again', context]);
    expect(second).toMatchObject({ status: 0, started: [], images: first.images });
    writeFileSync(join(context, 'left.txt'), 'changed');
    const third = await buildWithEvents(rig, ['-t', 'again', context]);
    expect(third.status, third.stderr).toBe(0);
    expect(third.images).not.toEqual(first.images);
    expect([...third.started].sort()).toEqual([
      '[both 1/2] COPY --from=left /left.out /',
      '[both 2/2] COPY --from=right /right.out /',
      '[last 1/1] COPY --from=tools /tools /',
      '[left 2/3] COPY left.txt /',
      '[left 3/3] RUN cat /left.txt > /left.out',
    ]);
  });

  test('runs every step again with --no-cache', async () => {
    const context = rig.context({ Dockerfile: 'FROM busybox\nRUN echo 1 > /1\nRUN echo 2 > /2\n' });
    const first = await buildWithEvents(rig, [context]);
    expect(first.status, first.stderr).toBe(0);
    const again = await buildWithEvents(rig, ['--no-cache', context]);
    expect(again.started).toContain('[2/3] RUN echo 1 > /1');
    expect(again.started).toContain('[3/3] RUN echo 2 > /2');
  });
});
