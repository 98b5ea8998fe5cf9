import { chownSync, cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRig, type Rig } from '../support/cli.ts';
import { installProgram } from '../support/installed-program.ts';
import { makeOrdinaryUser, type OrdinaryUser } from '../support/ordinary-user.ts';
import { PROGRAM } from '../support/program.ts';

/** Who builds. The last has neither subordinate ids nor another way to have more than one. */
const USERS = ['root', 'an ordinary user', 'a user of a single id'] as const;

/** A tool that gets packages from a registry and sets them up, in a step. */
interface ToolCase {
  readonly tool: string;
  /** Folder of examples/ that is the context. */
  readonly example?: string;
  /** In place of the example's own. */
  readonly dockerfile?: string;
  readonly target?: string;
  /** Where a single id cannot do it: a part of what the build says. */
  readonly failsWithSingleId?: string;
}

const TOOLS: readonly ToolCase[] = [
  {
    tool: 'apt-get install',
    dockerfile: `FROM debian:12
RUN apt-get update && apt-get install -y --no-install-recommends tree && tree --version
`,
  },
  { tool: 'npm ci', example: 'node-api', target: 'builder' },
  {
    tool: 'npm ci of another user',
    example: 'node-api',
    dockerfile: `FROM node:18-alpine
WORKDIR /app
RUN chown node /app
USER node
COPY --chown=node package*.json ./
RUN npm ci --omit=dev
`,
    failsWithSingleId: 'This user has a single id',
  },
  {
    tool: 'npm ci of another user, in a directory of his',
    example: 'node-api',
    dockerfile: `FROM node:18-alpine
USER node
WORKDIR /home/node/app
COPY --chown=node package*.json ./
RUN npm ci --omit=dev
`,
    failsWithSingleId: 'error[OWNER_NOT_MAPPED]: Cannot give "/home/node/app" to 1000:1000',
  },
  { tool: 'pip install', example: 'python-api', target: 'builder' },
  { tool: 'go build', example: 'go-service', target: 'builder' },
  { tool: 'mvn package', example: 'java-maven', target: 'builder' },
];

/** Texts in which the stand-ins that the cases need are named. */
export const TOOL_DOCKERFILES: readonly string[] = [
  ...TOOLS.flatMap(({ dockerfile }) => dockerfile ?? []),
  ...['FROM python:3.11', 'FROM golang:1.21-alpine', 'FROM maven:3.9-eclipse-temurin-17'],
];

/** What became of one tool in the steps of one user. */
export interface ToolOutcome {
  readonly name: string;
  /** `yes`, or `no, and says why`. */
  readonly works: string;
  readonly complaint: string | undefined;
  readonly seconds: number;
}

const EXAMPLES = join(import.meta.dirname, '../../examples');
const SHOWN_CHARACTERS = 3000;

/**
 * Runs the package tools in steps of each kind of user. Only root can make users. `mirror` is the registry
 * with the stand-ins, `flags` are words of each build.
 */
export async function* runTools(
  mirror: string,
  flags: readonly string[],
  isChosen: (name: string) => boolean,
): AsyncGenerator<ToolOutcome> {
  for (const who of USERS) {
    const names = TOOLS.map(({ tool }) => `tools: ${tool}, by ${who}`);
    if (!names.some(isChosen)) continue;
    await using rig = openRig({ mirror });
    using user = makeUser(who, rig);
    for (const [index, tool] of TOOLS.entries()) {
      const name = names[index] ?? '';
      if (isChosen(name)) yield await runTool(rig, user, tool, { name, who, flags });
    }
  }
}

/** Undefined for root. */
function makeUser(who: (typeof USERS)[number], rig: Rig): (OrdinaryUser & Disposable) | undefined {
  if (who === 'root') return undefined;
  const home = join(rig.dir, 'home');
  const user = makeOrdinaryUser(home, { hasSubordinateIds: who === 'an ordinary user' });
  for (const dir of [home, rig.dir]) chownSync(dir, user.uid, user.uid);
  installProgram(join(rig.dir, 'installed'));
  return user;
}

async function runTool(
  rig: Rig,
  user: OrdinaryUser | undefined,
  tool: ToolCase,
  {
    name,
    who,
    flags,
  }: { readonly name: string; readonly who: string; readonly flags: readonly string[] },
): Promise<ToolOutcome> {
  const startedAt = performance.now();
  const context = rig.context({});
  if (tool.example !== undefined)
    cpSync(join(EXAMPLES, tool.example), context, { recursive: true });
  if (tool.dockerfile !== undefined) writeFileSync(join(context, 'Dockerfile'), tool.dockerfile);
  const target = tool.target === undefined ? [] : ['--target', tool.target];
  const program = user === undefined ? PROGRAM : join(rig.dir, 'installed/dist/main.cjs');
  const [first, ...rest] = [...(user?.prefix ?? []), program];
  const words = ['build', '--progress=plain', ...flags, ...target, context];
  const { status, stderr } = await rig.run([...rest, ...words], { program: first });
  const reason = who === 'a user of a single id' ? tool.failsWithSingleId : undefined;
  const isRight = reason === undefined ? status === 0 : status !== 0 && stderr.includes(reason);
  return {
    name,
    works: reason === undefined ? 'yes' : 'no, and says why',
    complaint: isRight
      ? undefined
      : `status ${String(status)}:\n${stderr.slice(-SHOWN_CHARACTERS)}`,
    seconds: (performance.now() - startedAt) / 1000,
  };
}
