import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How long processes may take to be gone after SIGKILL, before that is a fault of its own. */
const GONE_MS = 10_000;
const POLL_MS = 20;

/** The end of what a command printed is shown, as far as this. */
const MAX_SHOWN_CHARS = 8000;

/** A command that a test started. */
export interface TestCommand {
  readonly pid: number;
  /** The program and its words. */
  readonly words: readonly string[];
  /** All that it has printed so far. */
  printed(): string;
  /** Settles when it is over. */
  readonly ended: Promise<unknown>;
  /** Makes whoever waits for it fail, instead of being told how it ended. */
  giveUp(error: Error): void;
}

/**
 * The commands that one test started. One that still runs when the test has failed or its time is up is
 * ended with all its processes, so that it is not there in later tests; what it was and what it had printed
 * is the error of this test.
 */
export class TestCommands {
  readonly #running = new Set<TestCommand>();
  readonly #endings: Promise<string>[] = [];
  readonly #signal: AbortSignal;

  /** `signal` is aborted when the time of the test is up. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      this.#endAll();
    });
  }

  /** Takes note of a command that has been started. */
  add(command: TestCommand): void {
    this.#running.add(command);
    const isOver = (): void => void this.#running.delete(command);
    command.ended.then(isOver, isOver);
    // A test goes on behind its time, as nobody can stop it.
    if (this.#signal.aborted) this.#endAll();
  }

  /**
   * To be called when the test is over.
   * @throws Error that shows each command that had to be ended
   */
  async close(hasFailed: boolean): Promise<void> {
    if (hasFailed) this.#endAll();
    const shown = await Promise.all(this.#endings);
    if (shown.length > 0) throw new Error(shown.join('\n'));
  }

  #endAll(): void {
    for (const command of this.#running) this.#endings.push(endCommand(command));
    this.#running.clear();
  }
}

/** Where commands are noted that are started from now on; undefined is nowhere. */
export let testCommands: TestCommands | undefined;

/** From now on, commands are noted in `commands`. Gives those that were used until now. */
export function useTestCommands(commands: TestCommands | undefined): TestCommands | undefined {
  const before = testCommands;
  testCommands = commands;
  return before;
}

/** Ends a command with all its processes and tells about it. */
async function endCommand(command: TestCommand): Promise<string> {
  const printed = command.printed().trimEnd().slice(-MAX_SHOWN_CHARS);
  const about = `Ran until it was ended, as its test was over: ${command.words.join(' ')}`;
  const message = `${about}\n${printed === '' ? 'It had printed nothing.' : `It had printed:\n${printed}`}`;
  command.giveUp(new Error(message));
  const left = await killTree(command.pid);
  return left.length === 0 ? message : `${message}\nCannot be ended: ${left.join(', ')}`;
}

/** Ends a process and all below it. Gives those that are still there some time later. */
async function killTree(root: number): Promise<number[]> {
  const found = new Set<number>();
  // What is stopped starts nothing new, so at some time there is nothing new to be found.
  for (;;) {
    const fresh = processesBelow(root).filter((pid) => !found.has(pid));
    if (fresh.length === 0) break;
    for (const pid of fresh) {
      found.add(pid);
      send(pid, 'SIGSTOP');
    }
  }
  for (const pid of found) send(pid, 'SIGKILL');
  const deadline = performance.now() + GONE_MS;
  for (;;) {
    const left = [...found].filter((pid) => !'ZX'.includes(statOf(pid)?.state ?? 'X'));
    if (left.length === 0 || performance.now() > deadline) return left;
    await delay(POLL_MS);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself, or belongs to somebody else; then it is found to be left.
  }
}

/** `root` and all processes that descend from it. */
function processesBelow(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? statOf(pid)?.parent : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = statOf(root) === undefined ? [] : [root];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

/** Of /proc/PID/stat (proc_pid_stat(5)); undefined when there is no such process. */
function statOf(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
