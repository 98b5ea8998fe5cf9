import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../diagnostics/build-error.ts';
import { writeAll } from './atomic-file.ts';
import { diskError } from './disk-error.ts';
import { namesIn } from './list-names.ts';
import { tryLock, type Lock } from './lock.ts';
import { flock, hasCode } from './sys.ts';

/**
 * Who works with what in a store, so that what is removed beside a build is never what the build needs:
 *
 *   leases/<random>   names of what one process holds, a line each; the process keeps a kernel lock on it
 *   gate.lock         shared while something is found and noted, alone while something is removed
 *   every.lock        shared by those that hold everything
 *
 * A name is noted before it is used, inside the gate; whoever removes reads all leases inside the gate,
 * alone. So either the remover sees the note, or the finder sees that the thing is gone. A lease whose
 * lock is free belongs to a process that is gone, and counts no more. The gate is held only while a few
 * names are read and renamed: nobody waits for as long as a build takes.
 *
 * Where the disk takes no lease, its process holds everything: a lock on a file that is there needs no byte.
 * So a build that finds all that it needs goes through on a full disk.
 */
export interface Holds {
  /** Begins to hold what is found from here on, until disposed. Before that, nothing is held. */
  begin(): Disposable;
  /** Gives what `find` gives, and holds it under `name` where that is anything. */
  find<T>(name: string, find: () => T | undefined): T | undefined;
  /** Holds what nobody else can know of yet. */
  note(name: string): void;
  /** Many may be inside at once, but none while somebody `removes`. */
  enter<T>(work: () => T): T;
  /** Alone inside. `held` has the names that other processes, or this one, hold. */
  remove<T>(work: (held: Held) => T): T;
}

/** Names that somebody holds, which may be all. */
export type Held = Pick<ReadonlySet<string>, 'has'>;

const EVERYTHING: Held = { has: () => true };

/** The holds of the store at `dir`, which has to be there. Makes no file before something is held. */
export function openHolds(dir: string): Holds {
  return new LeaseHolds(dir);
}

class LeaseHolds implements Holds {
  readonly #every: string;
  readonly #gate: string;
  readonly #leases: string;
  readonly #held = new Set<string>();
  #users = 0;
  #lease: { readonly lock: Lock; readonly fd: number } | undefined;
  /** Locked while this process holds everything. */
  #everything: number | undefined;

  constructor(dir: string) {
    this.#every = join(dir, 'every.lock');
    this.#gate = join(dir, 'gate.lock');
    this.#leases = join(dir, 'leases');
  }

  begin(): Disposable {
    this.#users++;
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#users--;
        if (this.#users === 0) this.#end();
      },
    };
  }

  find<T>(name: string, find: () => T | undefined): T | undefined {
    if (this.#users === 0 || this.#held.has(name)) return find();
    return this.enter(() => {
      const found = find();
      if (found !== undefined) this.note(name);
      return found;
    });
  }

  note(name: string): void {
    if (this.#users === 0 || this.#held.has(name)) return;
    try {
      if (this.#everything === undefined) {
        this.#lease ??= this.#open();
        writeAll(this.#lease.fd, Buffer.from(`${name}\n`));
      }
    } catch (error) {
      const failure = diskError(this.#leases, error) ?? error;
      if (!(failure instanceof BuildError) || failure.code !== 'DISK_FULL') throw failure;
      this.#everything = this.#holdEverything();
      if (this.#everything === undefined) throw failure;
    }
    this.#held.add(name);
  }

  enter<T>(work: () => T): T {
    return this.#locked('shared', work);
  }

  remove<T>(work: (held: Held) => T): T {
    return this.#locked('exclusive', () =>
      work(this.#isEverythingHeld() ? EVERYTHING : this.#readLeases()),
    );
  }

  #locked<T>(type: 'shared' | 'exclusive', work: () => T): T {
    const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
    const fd = openSync(this.#gate, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    try {
      flock(fd, { type, wait: true });
      return work();
    } finally {
      closeSync(fd);
    }
  }

  #open(): { lock: Lock; fd: number } {
    mkdirSync(this.#leases, { recursive: true, mode: 0o700 });
    // While there is room for it.
    if (!existsSync(this.#every)) closeSync(openSync(this.#every, 'a', 0o600));
    for (;;) {
      const path = join(this.#leases, randomBytes(8).toString('hex'));
      const lock = tryLock(path, 'exclusive');
      // Whoever reads leases may have taken the new file for one that was left behind.
      if (lock !== undefined) return { lock, fd: openSync(path, 'a') };
    }
  }

  /** Undefined where its file cannot be made, and is not there. */
  #holdEverything(): number | undefined {
    const fd = openIfThere(this.#every);
    // Whoever looks holds it for a moment.
    if (fd !== undefined) flock(fd, { type: 'shared', wait: true });
    return fd;
  }

  /** By anybody. Who is about to, inside the gate, waits until this process is out of it. */
  #isEverythingHeld(): boolean {
    const fd = openIfThere(this.#every);
    if (fd === undefined) return false;
    try {
      return !flock(fd, { type: 'exclusive', wait: false });
    } finally {
      closeSync(fd);
    }
  }

  #end(): void {
    const lease = this.#lease;
    this.#lease = undefined;
    this.#held.clear();
    if (this.#everything !== undefined) closeSync(this.#everything);
    this.#everything = undefined;
    if (lease === undefined) return;
    unlinkSync(lease.lock.path);
    closeSync(lease.fd);
    lease.lock.release();
  }

  #readLeases(): Set<string> {
    const held = new Set(this.#held);
    for (const name of namesIn(this.#leases)) {
      const path = join(this.#leases, name);
      if (path === this.#lease?.lock.path) continue;
      const left = tryLock(path, 'exclusive');
      if (left !== undefined) {
        unlinkSync(path);
        left.release();
        continue;
      }
      for (const line of readText(path).split('\n')) if (line !== '') held.add(line);
    }
    return held;
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A lease that ended meanwhile holds nothing. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  }
}
