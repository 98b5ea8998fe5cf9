import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBaseImages, writeDockerArchive, type BaseImageFiles } from './base-images.ts';
import { SERVER, type DifferentialCase } from './case.ts';
import { CASE_GROUPS } from './cases/all.ts';
import { buildWithDocker } from './docker-build.ts';
import { startDocker, whyNoDocker, type DockerDaemon } from '../support/docker-daemon.ts';
import { judge } from './judge.ts';
import type { WrittenCase } from './outcome.ts';
import { openOwnBuilder, type OwnBuilder } from './own-build.ts';
import { startServer, type Server } from './server.ts';
import { writeFiles } from './write-context.ts';

/**
 * Builds every case with Docker and with Stagecraft and compares the results.
 *
 *   node --import tsx test/differential/run.ts [part of a group's or case's name]
 *
 * Exit status 1 when a case fails; 0 with a reason when there is no Docker to compare with.
 */

/** Not `docker` from PATH: that may be another program with the same name. */
const CLIENT = process.env['DIFFERENTIAL_DOCKER'] ?? '/usr/bin/docker';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

interface Builders {
  readonly dir: string;
  /** Nanoseconds since 1970. */
  readonly startedNs: bigint;
  readonly daemon: DockerDaemon;
  readonly own: OwnBuilder;
  readonly server: Server;
}

async function main(filter: string): Promise<number> {
  // A second is taken off: file systems stamp with the time of the last tick.
  const startedNs = BigInt(Date.now() - 1000) * 1_000_000n;
  const missing = whyNoDocker(CLIENT);
  if (missing !== undefined) {
    print(`skipped: ${missing}`);
    return 0;
  }
  const dir = mkdtempSync(join(tmpdir(), 'stagecraft-differential-'));
  try {
    return await runBelow(dir, startedNs, filter);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function runBelow(dir: string, startedNs: bigint, filter: string): Promise<number> {
  const daemonDir = join(dir, 'docker');
  mkdirSync(daemonDir);
  let started: DockerDaemon;
  try {
    started = await startDocker(daemonDir, CLIENT);
  } catch (error) {
    print(`skipped: ${error instanceof Error ? error.message : String(error)}`);
    return 0;
  }
  await using daemon = started;
  const bases = makeBaseImages(join(dir, 'bases'));
  await loadBases(daemon, bases, dir);
  await using own = openOwnBuilder(join(dir, 'store'), bases);
  await using server = await startServer(join(dir, 'served'));
  return await runGroups({ dir, startedNs, daemon, own, server }, filter);
}

async function loadBases(
  daemon: DockerDaemon,
  bases: readonly BaseImageFiles[],
  dir: string,
): Promise<void> {
  for (const base of bases) {
    const loaded = await daemon.docker(['load', '-i', writeDockerArchive(base, dir)]);
    if (loaded.status !== 0) throw new Error(`Cannot load ${base.name}: ${loaded.stderr}`);
  }
}

async function runGroups(builders: Builders, filter: string): Promise<number> {
  let [passed, failed] = [0, 0];
  for (const group of CASE_GROUPS) {
    const cases = group.cases.filter(({ name }) => `${group.name}: ${name}`.includes(filter));
    if (cases.length === 0) continue;
    let wrong = 0;
    for (const test of cases) {
      const complaints = await runCase(test, builders);
      if (complaints.length === 0) continue;
      wrong++;
      print(`FAILED ${group.name}: ${test.name}`);
      for (const complaint of complaints) print(complaint.replaceAll(/^/gm, '    '));
    }
    print(`${group.name}: ${String(cases.length - wrong)} of ${String(cases.length)} passed`);
    passed += cases.length - wrong;
    failed += wrong;
  }
  print(`${String(passed)} passed, ${String(failed)} failed`);
  return failed === 0 ? 0 : 1;
}

async function runCase(test: DifferentialCase, builders: Builders): Promise<string[]> {
  const dir = mkdtempSync(join(builders.dir, 'case-'));
  const { daemon, own, startedNs, server } = builders;
  const written = { ...writeCase(test, dir, server), startedNs };
  const daemonDir = join(builders.dir, 'docker');
  try {
    const [docker, ours] = await Promise.all([
      buildWithDocker(test, { ...written, mountPoint: join(dir, 'docker') }, daemon, daemonDir),
      own.build(test, { ...written, mountPoint: join(dir, 'own') }, new AbortController().signal),
    ]);
    return judge(test, docker, ours);
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function writeCase(
  test: DifferentialCase,
  dir: string,
  server: Server,
): Omit<WrittenCase, 'startedNs'> {
  const contextDir = join(dir, 'context');
  for (const name of ['context', 'docker', 'own', 'secrets']) mkdirSync(join(dir, name));
  writeFiles(contextDir, test.context ?? {}, test);
  const dockerfile = test.dockerfile.replaceAll(SERVER, server.url);
  writeFileSync(join(dir, 'Dockerfile'), dockerfile);
  const hasItInside = !['stdin-dockerfile', undefined].includes(test.contextAs);
  if (hasItInside) writeFileSync(join(contextDir, 'Dockerfile'), dockerfile);
  if (test.ignoreFile !== undefined) {
    writeFileSync(join(dir, 'Dockerfile.dockerignore'), test.ignoreFile);
  }
  const secrets = Object.entries(test.secrets ?? {}).map(([id, value], index) => {
    const path = join(dir, 'secrets', String(index));
    writeFileSync(path, value);
    return [id, path] as const;
  });
  return {
    contextDir,
    dockerfile: join(dir, 'Dockerfile'),
    ...publishContext(test, dir, server),
    mountPoint: dir,
    secrets: new Map(secrets),
  };
}

/** Puts the context where the case wants it. */
function publishContext(
  { contextAs }: DifferentialCase,
  dir: string,
  server: Server,
): Pick<WrittenCase, 'archive' | 'contextUrl'> {
  const contextDir = join(dir, 'context');
  switch (contextAs) {
    case undefined:
    case 'stdin-dockerfile':
      return { archive: undefined, contextUrl: undefined };
    case 'stdin-archive':
    case 'url-archive': {
      const archive = join(dir, 'context.tar.gz');
      execFileSync('tar', ['-C', contextDir, '-czf', archive, '.']);
      const contextUrl = contextAs === 'url-archive' ? server.publish(archive) : undefined;
      return { archive, contextUrl };
    }
    case 'repository':
      return { archive: undefined, contextUrl: server.publishRepository(contextDir) };
    default:
      return contextAs satisfies never;
  }
}

process.exitCode = await main(process.argv[2] ?? '');
