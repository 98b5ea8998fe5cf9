import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { DisposeStack } from '../src/core/dispose-stack.ts';
import { recipeFor } from '../test/bases/base-images.ts';
import { ensureBase } from '../test/bases/make-base.ts';
import { pushLayout } from '../test/support/push-layout.ts';
import { startRegistry } from '../test/support/registry-server.ts';
import { interruptible } from './interrupt.ts';
import { BenchUsageError, readBenchOptions, type BenchOptions } from './options.ts';
import { buildahPeer, dockerPeer, stagecraftPeer } from './peers.ts';
import type { BuildOptions, Command, Peer, RunningPeer } from './peer.ts';
import { runCommand, type Timing } from './run-command.ts';
import type { Workload } from './workload.ts';
import { workloads } from './workloads.ts';

/*
 * Compares builders on the same work in one run:
 *
 *   npm run bench -- [--runs 5] [--files 50000] [--peers stagecraft,buildah] [--json FILE] [W1 W5 …]
 *
 * The tools take turns inside each round, so that a slow moment of the machine hits all of them. They
 * pull the base image, a stand-in for busybox, from a registry server on loopback. Needs root, Debian's
 * docker-registry and busybox-static, and takes part of those tools that are installed.
 */

interface Result {
  readonly workload: Workload;
  readonly timings: ReadonlyMap<string, readonly Timing[]>;
  readonly limitMs: readonly number[];
}

const PEERS: readonly Peer[] = [
  stagecraftPeer(join(import.meta.dirname, '../dist/main.cjs')),
  dockerPeer,
  buildahPeer,
];

try {
  const known = {
    peers: PEERS.map(({ name }) => name),
    workloads: workloads().map(({ id }) => id),
  };
  const options = readBenchOptions(process.argv.slice(2), known);
  await interruptible((signal) => main(options, signal));
} catch (error) {
  if (!(error instanceof BenchUsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}

async function main(options: BenchOptions, signal: AbortSignal): Promise<void> {
  const peers = choosePeers(options.peers);
  const chosen = workloads(options.files).filter(
    ({ id }) =>
      options.workloads.length === 0 || options.workloads.some((name) => id.startsWith(name)),
  );
  const dir = mkdtempSync(join(tmpdir(), 'stagecraft-bench-'));
  const results: Result[] = [];
  try {
    await using server = await startRegistry({ storage: join(dir, 'registry') });
    const layout = await ensureBase(recipeFor('busybox:latest'), say);
    await pushLayout(layout, server.url, 'bench/base', 'latest');
    const registry = server.host;
    const base = `${registry}/bench/base:latest`;
    say(machine(peers));
    for (const workload of chosen) {
      const result = await runWorkload(workload, {
        peers,
        dir,
        base,
        registry,
        runs: options.runs,
        signal,
      });
      results.push(result);
      say(renderResult(result));
    }
    if (options.json !== undefined) writeFileSync(options.json, toJson(results));
  } finally {
    // Only now: ext4 makes new files several times more slowly for minutes after many were removed.
    rmSync(dir, { recursive: true, force: true });
  }
}

/** @throws BenchUsageError when one that is named is not installed */
function choosePeers(names: readonly string[] | undefined): readonly Peer[] {
  if (names === undefined) return PEERS.filter(({ version }) => version() !== undefined);
  const missing = PEERS.find(
    ({ name, version }) => names.includes(name) && version() === undefined,
  );
  if (missing !== undefined) throw new BenchUsageError(`"${missing.name}" is not installed`);
  return PEERS.filter(({ name }) => names.includes(name));
}

/** What all workloads of a run share. */
interface Bench {
  readonly peers: readonly Peer[];
  /** For stores and contexts. */
  readonly dir: string;
  /** Name of the base image. */
  readonly base: string;
  /** Address and port. */
  readonly registry: string;
  readonly runs: number;
  readonly signal: AbortSignal;
}

async function runWorkload(workload: Workload, bench: Bench): Promise<Result> {
  const { peers, dir, base, registry, runs, signal } = bench;
  const context = join(dir, `context-${workload.id}`);
  mkdirSync(context);
  workload.prepare(context, base);
  const stores = join(dir, `stores-${workload.id}`);
  const timings = new Map<string, Timing[]>(peers.map(({ name }) => [name, []]));
  const limitMs: number[] = [];
  await using opened = new DisposeStack();
  if (workload.start !== 'first') {
    const running = await openPeers(peers, stores, registry, opened);
    for (const [name, peer] of running) {
      await succeed(
        peer.build(build(workload, context, tagFor(workload, name, -1, bench))),
        signal,
      );
    }
    for (let run = 0; run < runs; run++) await oneRound(run, running);
    return { workload, timings, limitMs };
  }
  for (let run = 0; run < runs; run++) {
    await using round = new DisposeStack();
    const running = await openPeers(peers, join(stores, String(run)), registry, round);
    for (const [name, peer] of running) await fetchBase(bench, peer, name);
    await oneRound(run, running);
  }
  return { workload, timings, limitMs };

  async function oneRound(run: number, running: RunningPeers): Promise<void> {
    workload.touch?.(context, run);
    for (const [name, peer] of running) {
      timings.get(name)?.push(await timeOne(workload, peer, name, context, run, bench));
    }
    if (workload.limit === undefined) return;
    warm(context);
    limitMs.push(await timeLimit(workload.limit.command, context, signal));
  }
}

type RunningPeers = ReadonlyMap<string, RunningPeer>;

/** Starts all tools, with new stores below `dir`. */
async function openPeers(
  peers: readonly Peer[],
  dir: string,
  registry: string,
  opened: DisposeStack,
): Promise<RunningPeers> {
  mkdirSync(dir, { recursive: true });
  const running = new Map<string, RunningPeer>();
  for (const peer of peers) running.set(peer.name, opened.use(await peer.start(dir, registry)));
  return running;
}

/** Has a new store fetch and unpack the base image, which is not what the first build is about. */
async function fetchBase(
  { dir, base, signal }: Bench,
  peer: RunningPeer,
  name: string,
): Promise<void> {
  const small = join(dir, `base-${name}`);
  mkdirSync(small, { recursive: true });
  writeFileSync(join(small, 'Dockerfile'), `FROM ${base}\nRUN true\n`);
  const dockerfile = join(small, 'Dockerfile');
  const options = {
    dir: small,
    dockerfile,
    tag: `base-${name}`,
    noCache: false,
    target: undefined,
  };
  await succeed(peer.build(options), signal);
}

/** Reads all files: what was not touched for a minute may have left the page cache. Then waits for the disk. */
function warm(dir: string): void {
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) readFileSync(join(entry.parentPath, entry.name));
  }
  spawnSync('sync');
}

async function timeOne(
  workload: Workload,
  peer: RunningPeer,
  name: string,
  context: string,
  run: number,
  bench: Bench,
): Promise<Timing> {
  const { signal } = bench;
  const tag = tagFor(workload, name, run, bench);
  warm(context);
  if (workload.start === 'cold') freshDockerfile(context, `${name} ${String(run)}`);
  const options = build(workload, context, tag);
  if (workload.command === 'build') {
    if (workload.prebuilt !== undefined) {
      await succeed(peer.build({ ...options, target: workload.prebuilt }), signal);
      spawnSync('sync');
    }
    return succeed(peer.build(options), signal);
  }
  await succeed(peer.build(options), signal);
  spawnSync('sync');
  const pushed = await succeed(peer.push(tag), signal);
  if (workload.command === 'push') return pushed;
  for (const command of peer.forget(tag)) await runCommand(command, signal);
  spawnSync('sync');
  return succeed(peer.pull(tag), signal);
}

/** `run` -1 is the warm-up. */
function tagFor({ id, isRepeated }: Workload, peer: string, run: number, bench: Bench): string {
  const which = isRepeated === true ? 'again' : run < 0 ? 'warm' : String(run);
  return `${bench.registry}/bench:${id.toLowerCase()}-${peer}-${which}`;
}

function build(workload: Workload, dir: string, tag: string): BuildOptions {
  const dockerfile = join(dir, 'Dockerfile');
  return { dir, dockerfile, tag, noCache: workload.noCache ?? false, target: undefined };
}

/** A new first file in the image gives every later step a key that no tool has seen. */
function freshDockerfile(context: string, mark: string): void {
  const path = join(context, 'Dockerfile');
  const text = readFileSync(path, 'utf8').replace(/\nARG BENCH_RUN=.*\nENV BENCH_RUN=.*/g, '');
  const fresh = `\nARG BENCH_RUN=${JSON.stringify(mark)}\nENV BENCH_RUN=${JSON.stringify(mark)}`;
  writeFileSync(path, text.replace(/^(FROM .*)$/gm, `$1${fresh}`));
}

async function timeLimit(command: string, cwd: string, signal: AbortSignal): Promise<number> {
  const argv = ['env', '-C', cwd, 'sh', '-c', command] as const;
  const { wallMs } = await succeed({ argv, env: {} }, signal);
  return wallMs;
}

async function succeed(command: Command, signal: AbortSignal): Promise<Timing> {
  const timing = await runCommand(command, signal);
  if (timing.status === 0) return timing;
  throw new Error(
    `${command.argv.join(' ')} ended with ${String(timing.status)}:\n${timing.output}`,
  );
}

function renderResult({ workload, timings, limitMs }: Result): string {
  const own = median(walls(timings.get('stagecraft') ?? []));
  const rows = [...timings].map(([name, runs]) => {
    const ms = walls(runs);
    const peak = Math.max(0, ...runs.map(({ peakKb }) => peakKb ?? 0));
    const ratio =
      name === 'stagecraft' ? '' : `  stagecraft takes ${(own / median(ms)).toFixed(2)} of it`;
    const spread = `${round(Math.min(...ms))} to ${round(Math.max(...ms))}`;
    return `  ${name.padEnd(16)} ${round(median(ms)).padStart(7)} ms  (${spread})  peak ${String(Math.round(peak / 1024))} MB${ratio}`;
  });
  const limit = workload.limit;
  if (limit !== undefined) {
    rows.push(
      `  ${limit.title.padEnd(16)} ${round(median(limitMs)).padStart(7)} ms  what the machine allows`,
    );
  }
  return `${workload.id} ${workload.title}\n${rows.join('\n')}`;
}

function toJson(results: readonly Result[]): string {
  const entries = results.map(({ workload, timings, limitMs }) => ({
    id: workload.id,
    title: workload.title,
    limitMs,
    peers: Object.fromEntries([...timings].map(([name, runs]) => [name, walls(runs)])),
  }));
  return `${JSON.stringify(entries, undefined, 2)}\n`;
}

function machine(peers: readonly Peer[]): string {
  const versions = peers.map(({ name, version }) => `${name}: ${version() ?? ''}`);
  const memory = `${String(Math.round(totalmem() / 2 ** 30))} GiB`;
  const model = cpus()[0]?.model ?? 'unknown processor';
  return [
    `${String(cpus().length)} x ${model}, ${memory}, Node ${process.version}`,
    ...versions,
  ].join('\n');
}

function walls(runs: readonly Timing[]): number[] {
  return runs.map(({ wallMs }) => wallMs);
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function round(ms: number): string {
  return String(Math.round(ms));
}

function say(text: string): void {
  process.stdout.write(`${text}\n\n`);
}
