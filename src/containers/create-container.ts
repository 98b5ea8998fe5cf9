import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { formatPlatform } from '../core/platform.ts';
import { readFileCapped, writeFileAtomic } from '../host/atomic-file.ts';
import type { ContainerOptions, ContainerPlan } from './container-options.ts';
import {
  containerDir,
  containersDir,
  listRecords,
  observeState,
  readRecord,
  writeRecord,
  type ContainerRecord,
} from './container-record.ts';
import { badContainerOption, containerNameTaken, noCommand } from './errors.ts';
import { isContainerName, randomName } from './names.ts';
import { parsePort } from './port-option.ts';
import { openVolume } from './volume-option.ts';

/** What making a container needs of the world. */
export interface CreateContainerDeps {
  /** Root of the store. */
  readonly root: string;
  /** This process's environment, for `-e NAME`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For relative paths in `-v`. */
  readonly cwd: string;
  now(): Date;
  randomBytes(size: number): Buffer;
}

/** A container that exists but does not run yet. */
export interface CreatedContainer {
  readonly record: ContainerRecord;
  readonly plan: ContainerPlan;
}

/**
 * Checks the options and writes the container's record and plan. `runContainer` or `startDetached` starts it.
 *
 * @throws BuildError BAD_CONTAINER_OPTION, CONTAINER_NAME_TAKEN, NO_COMMAND
 */
export function createContainer(
  options: ContainerOptions,
  deps: CreateContainerDeps,
): CreatedContainer {
  const { image } = options;
  const id = deps.randomBytes(32).toString('hex');
  const ports = options.ports.map(parsePort);
  if (ports.length > 0 && options.network !== 'default') {
    const why = `a container with network "${options.network}" has no ports of its own`;
    throw badContainerOption('--publish', options.ports.join(' '), why);
  }
  if (options.isDetached && (options.isTerminal || options.isStdinOpen)) {
    throw badContainerOption('--detach', 'true', 'a detached container has neither -i nor -t');
  }
  const plan: ContainerPlan = {
    id,
    platform: formatPlatform(image.platform),
    snapshot: image.snapshot,
    args: argumentsOf(options),
    env: environmentOf(options, deps.env),
    workdir: workdirOf(options),
    user: options.user ?? image.config.User ?? '',
    hostname: options.hostname ?? id.slice(0, 12),
    volumes: options.volumes.map((volume) => openVolume(volume, deps.root, deps.cwd)),
    network: options.network === 'default' ? (ports.length > 0 ? 'own' : 'host') : options.network,
    isRemovedAtEnd: options.isRemovedAtEnd,
  };
  const record: ContainerRecord = {
    id,
    name: nameOf(options.name, deps),
    image: image.name,
    imageId: image.id,
    command: plan.args,
    createdAt: deps.now().toISOString(),
    ports,
    state: { kind: 'created' },
  };
  mkdirSync(containersDir(deps.root), { recursive: true, mode: 0o700 });
  writeRecord(deps.root, record);
  writeFileAtomic(path.join(containerDir(deps.root, id), PLAN), JSON.stringify(plan));
  return { record, plan };
}

/** A container that `createContainer` made, here or in another process. Undefined when it is gone. */
export function readContainer(root: string, id: string): CreatedContainer | undefined {
  const record = /^[0-9a-f]{64}$/.test(id) ? readRecord(root, id) : undefined;
  if (record === undefined) return undefined;
  const bytes = readFileCapped(path.join(containerDir(root, id), PLAN), MAX_PLAN_BYTES);
  if (bytes === undefined) return undefined;
  try {
    // Written by createContainer, into a directory that only we may write.
    return { record, plan: JSON.parse(bytes.toString('utf8')) as ContainerPlan };
  } catch {
    return undefined;
  }
}

/** Snapshots that containers show now or will when they start: they must not be removed. */
export function snapshotsInUse(root: string): ReadonlySet<string> {
  const records = listRecords(root);
  const alive = records.filter((record) =>
    ['created', 'running'].includes(observeState(record).kind),
  );
  return new Set([
    ...alive.flatMap((record) => readContainer(root, record.id)?.plan.snapshot ?? []),
    ...records.flatMap(({ files }) => files ?? []),
  ]);
}

/** File in a container's directory that tells what to run. */
const PLAN = 'plan.json';
const MAX_PLAN_BYTES = 4 * 1024 * 1024;

function nameOf(wanted: string | undefined, deps: CreateContainerDeps): string {
  const taken = new Set(listRecords(deps.root).map((record) => record.name));
  if (wanted === undefined) {
    const random = (): number => deps.randomBytes(4).readUInt32LE() / 2 ** 32;
    return randomName(random, (name) => taken.has(name));
  }
  if (!isContainerName(wanted)) {
    const rule =
      'a name has letters, digits, "_", "." and "-", two at least, and begins with a letter or digit';
    throw badContainerOption('--name', wanted, rule);
  }
  if (taken.has(wanted)) throw containerNameTaken(wanted);
  return wanted;
}

/** ENTRYPOINT and CMD as Docker joins them. */
function argumentsOf(options: ContainerOptions): readonly string[] {
  const { config, name } = options.image;
  const replaced = options.entrypoint;
  const entrypoint =
    replaced === undefined ? (config.Entrypoint ?? []) : replaced === '' ? [] : [replaced];
  const hasCommand = options.command.length > 0 || replaced !== undefined;
  const args = [...entrypoint, ...(hasCommand ? options.command : (config.Cmd ?? []))];
  if (args.length === 0) throw noCommand(name);
  return args;
}

function environmentOf(
  options: ContainerOptions,
  own: CreateContainerDeps['env'],
): readonly string[] {
  const asked = options.env.flatMap((entry) => {
    if (entry === '' || entry.startsWith('=')) {
      throw badContainerOption('--env', entry, 'expected NAME=value or NAME');
    }
    if (entry.includes('=')) return [entry];
    const value = own[entry];
    return value === undefined ? [] : [`${entry}=${value}`];
  });
  return [...(options.image.config.Env ?? []), ...asked];
}

function workdirOf(options: ContainerOptions): string {
  const workdir = options.workdir ?? options.image.config.WorkingDir ?? '';
  if (workdir === '') return '/';
  if (!workdir.startsWith('/')) {
    throw badContainerOption('--workdir', workdir, 'it is not an absolute path');
  }
  return workdir;
}
