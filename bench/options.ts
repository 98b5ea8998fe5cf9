import { parseArgs } from 'node:util';

/** What `npm run bench` is asked to do. */
export interface BenchOptions {
  /** How often each builder does each piece of work. */
  readonly runs: number;
  /** Files of W3 and W4. */
  readonly files: number;
  /** Names of builders; undefined for all that are installed. */
  readonly peers: readonly string[] | undefined;
  /** File for the figures. */
  readonly json: string | undefined;
  /** Beginnings of the ids of workloads; none for all. */
  readonly workloads: readonly string[];
}

/** The command line is wrong; the message says how. */
export class BenchUsageError extends Error {}

/**
 * Reads the words of the command line. `peers` and `workloads` are the names that there are.
 * @throws BenchUsageError
 */
export function readBenchOptions(
  words: readonly string[],
  known: { readonly peers: readonly string[]; readonly workloads: readonly string[] },
): BenchOptions {
  const { values, positionals } = parse(words);
  const peers = values.peers?.split(',');
  for (const name of peers ?? []) {
    if (known.peers.includes(name)) continue;
    throw new BenchUsageError(`No builder "${name}": there are ${known.peers.join(', ')}`);
  }
  for (const id of positionals) {
    if (known.workloads.some((each) => each.startsWith(id))) continue;
    throw new BenchUsageError(`No workload "${id}": there are ${known.workloads.join(', ')}`);
  }
  return {
    runs: positiveNumber('--runs', values.runs),
    files: positiveNumber('--files', values.files),
    peers,
    json: values.json,
    workloads: positionals,
  };
}

function parse(words: readonly string[]): {
  readonly values: { runs: string; files: string; peers?: string; json?: string };
  readonly positionals: readonly string[];
} {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        runs: { type: 'string', default: '5' },
        files: { type: 'string', default: '50000' },
        peers: { type: 'string' },
        json: { type: 'string' },
      },
    });
  } catch (error) {
    throw new BenchUsageError(error instanceof Error ? error.message : String(error));
  }
}

function positiveNumber(name: string, text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new BenchUsageError(`${name} "${text}" is not a whole number from 1 on`);
}
