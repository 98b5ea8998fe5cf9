import { spawn } from 'node:child_process';
import { get } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { formatBytes, renderTable } from '../../src/cli/format.ts';
import type { StageMeasure } from '../../src/events/event.ts';
import { recipeFor } from '../bases/base-images.ts';
import { ensureBase } from '../bases/make-base.ts';
import { PROGRAM } from './program.ts';
import { freePort } from './free-port.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const SERVICE = join(CHECKOUT, 'examples/go-service');
const BASE = 'golang:1.21-alpine';
const ANSWER_TRIES = 250;
const POLL_MS = 20;

interface Built {
  readonly bytes: number;
  readonly stages: readonly StageMeasure[];
}

const env = { ...process.env, STAGECRAFT_ROOT: join(CHECKOUT, '.cache/quickstart') };
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The flags that name the stand-in; none with the real image. */
async function baseFlags(): Promise<readonly string[]> {
  if (process.argv[2] === 'hub') return [];
  say('\n==> base image');
  const dir = await ensureBase(recipeFor(BASE), say);
  say(`${BASE} is ${dir}`);
  return ['--build-context', `${BASE}=oci-layout://${dir}`];
}

/** Builds the service, tells of each step, and gives what the build measured. */
async function build(tag: string, file: string, flags: readonly string[]): Promise<Built> {
  const words = [
    'build',
    '--progress=json',
    '-t',
    tag,
    '-f',
    join(SERVICE, file),
    ...flags,
    SERVICE,
  ];
  say(`\n==> stagecraft build -t ${tag} -f ${file} examples/go-service`);
  const child = spawn(PROGRAM, words, { env, stdio: ['ignore', 'inherit', 'pipe'] });
  const ended = endOf(child);
  const names = new Map<number, string>();
  let stages: readonly StageMeasure[] = [];
  let bytes: number | undefined;
  for await (const line of createInterface(child.stderr)) {
    const event = readEvent(line);
    if (event === undefined) say(line);
    else if (event.type === 'stages-measured') stages = event.stages ?? [];
    else if (event.type === 'image-written') bytes = event.image?.bytes;
    else if (event.type === 'graph-planned') {
      for (const { op, name } of event.ops ?? []) names.set(op, name);
    } else {
      const told = tell(event, names);
      if (told !== undefined) say(told);
    }
  }
  const status = await ended;
  if (status !== 0) throw new Error(`stagecraft build ended with status ${String(status)}`);
  if (bytes === undefined) throw new Error('stagecraft build wrote no image');
  return { bytes, stages };
}

/** The part of the events that is used here, as `--progress=json` prints them. */
interface PrintedEvent {
  readonly type: string;
  readonly op?: number;
  readonly text?: string;
  readonly name?: string;
  readonly ops?: readonly { readonly op: number; readonly name: string }[];
  readonly stages?: readonly StageMeasure[];
  readonly image?: { readonly bytes?: number };
}

function readEvent(line: string): PrintedEvent | undefined {
  return line.startsWith('{') ? (JSON.parse(line) as PrintedEvent) : undefined;
}

function tell(event: PrintedEvent, names: ReadonlyMap<number, string>): string | undefined {
  const name = names.get(event.op ?? -1) ?? '';
  switch (event.type) {
    case 'op-started':
      return name;
    case 'op-cached':
      return `${name} (cached)`;
    case 'op-output':
      return `    ${event.text?.trimEnd() ?? ''}`;
    case 'task-started':
      return event.name;
    default:
      return undefined;
  }
}

/** Runs the program, shows what it prints and gives it. */
async function stagecraft(...words: string[]): Promise<string> {
  say(`\n==> stagecraft ${words.join(' ')}`);
  const child = spawn(PROGRAM, words, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    process.stdout.write(text);
    printed += text;
  });
  const status = await endOf(child);
  if (status !== 0) {
    throw new Error(`stagecraft ${words[0] ?? ''} ended with status ${String(status)}`);
  }
  return printed.trim();
}

function endOf(child: ReturnType<typeof spawn>): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
}

function showComparison(single: Built, multi: Built): void {
  const saved = (100 * (1 - multi.bytes / single.bytes)).toFixed(1);
  const left = multi.stages.filter(({ isTarget }) => !isTarget);
  say('\n==> comparison');
  say(
    renderTable([
      ['IMAGE', 'DOCKERFILE', 'SIZE', 'REDUCTION'],
      ['go-service:single', 'Dockerfile.single', formatBytes(single.bytes), ''],
      ['go-service:multi', 'Dockerfile', formatBytes(multi.bytes), `${saved}%`],
    ]),
  );
  say('What the second image left behind:');
  say(
    renderTable([
      ['STAGE', 'BASE', 'SIZE', 'LEFT BEHIND'],
      ...left.map((stage) => [
        stage.name ?? String(stage.index),
        stage.baseName.startsWith('oci-layout:') ? `${BASE} (stand-in)` : stage.baseName,
        formatBytes(stage.totalBytes),
        formatBytes(stage.leftBehindBytes),
      ]),
    ]),
  );
}

/** The answer of the service, which may still be starting. */
async function askService(url: string): Promise<string> {
  for (let tries = 0; tries < ANSWER_TRIES; tries++) {
    const text = await fetchText(url);
    if (text !== undefined) return text;
    await delay(POLL_MS, undefined, { signal: stop.signal });
  }
  throw new Error(`No answer from ${url}`);
}

function fetchText(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    get(url, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
    }).on('error', () => resolve(undefined));
  });
}

async function runService(): Promise<void> {
  const port = String(await freePort());
  const url = `http://127.0.0.1:${port}/`;
  const id = await stagecraft('run', '-d', '-p', `127.0.0.1:${port}:8080`, 'go-service:multi');
  try {
    say(`\n==> GET ${url}`);
    say((await askService(url)).trim());
  } finally {
    await stagecraft('stop', id);
    await stagecraft('rm', id);
  }
}

const flags = await baseFlags();
const single = await build('go-service:single', 'Dockerfile.single', flags);
const multi = await build('go-service:multi', 'Dockerfile', flags);
showComparison(single, multi);
await runService();
say('\nNothing is running any more. The images are in .cache/quickstart; remove it when you like.');
