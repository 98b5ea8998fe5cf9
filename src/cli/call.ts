import {
  checkRequest,
  outlineRequest,
  parseRequest,
  type CallHost,
} from '../build/call-dockerfile.ts';
import type { BuildError } from '../diagnostics/build-error.ts';
import type { BuildRequest } from '../build/request.ts';
import type { BuildFlagValues } from './build-flags.ts';
import { checkJson, renderCheck } from './check-report.ts';
import { oneOf } from './command.ts';
import { badFlagValue, flagConflict } from './errors.ts';
import { outlineJson, renderOutline, renderTargets, targetsJson } from './outline-report.ts';

const METHODS = ['build', 'check', 'outline', 'targets'] as const;
const FORMATS = ['text', 'json'] as const;
/** Docker's other names for the same. */
const ALIASES: Readonly<Record<string, string>> = { lint: 'check' };

/** A question about a Dockerfile, in place of a build. */
export interface Call {
  readonly method: 'check' | 'outline' | 'targets';
  readonly isJson: boolean;
  /** `ignorestatus`: findings are no failure. */
  readonly ignoresStatus: boolean;
}

/** What a call printed, and the status to exit with. */
export interface CallResult {
  readonly text: string;
  readonly status: number;
  /** Why the Dockerfile cannot be built. `ignorestatus` is about warnings and takes none of them away. */
  readonly errors: readonly BuildError[];
}

/**
 * Reads `--call` and `--check`. Undefined asks for a build.
 * @throws BuildError FLAG_VALUE_INVALID, FLAG_CONFLICT
 */
export function readCall(flags: Pick<BuildFlagValues, 'call' | 'check'>): Call | undefined {
  const value = flags.call ?? (flags.check === true ? 'check' : 'build');
  const [word = '', ...parts] = value.split(',');
  const method = oneOf('--call', ALIASES[word] ?? word, METHODS);
  if (flags.check === true && method !== 'check') {
    throw flagConflict('Cannot use "--check" with "--call": each says what to do');
  }
  let isJson = false;
  let ignoresStatus = false;
  for (const part of parts) {
    const [name = '', text] = part.split('=', 2);
    if (name === 'format') {
      isJson = oneOf('--call format', text ?? '', FORMATS) === 'json';
    } else if (name === 'ignorestatus') {
      ignoresStatus = oneOf('--call ignorestatus', text ?? 'true', ['true', 'false']) === 'true';
    } else {
      throw badFlagValue(
        '--call',
        value,
        `there is no "${name}"; there are format and ignorestatus`,
      );
    }
  }
  return method === 'build' ? undefined : { method, isJson, ignoresStatus };
}

/** Answers without building anything. @throws BuildError, or AggregateError of them */
export async function runCall(
  call: Call,
  request: BuildRequest,
  host: CallHost,
  signal: AbortSignal,
): Promise<CallResult> {
  switch (call.method) {
    case 'check': {
      const checked = await checkRequest(request, host, signal);
      const { warnings, errors } = checked;
      const text = call.isJson ? toJson(checkJson(checked)) : renderCheck(checked);
      return { text, status: warnings.length === 0 || call.ignoresStatus ? 0 : 1, errors };
    }
    case 'outline': {
      const { ast, outline } = await outlineRequest(request, host, signal);
      const text = call.isJson ? toJson(outlineJson(ast, outline)) : renderOutline(outline);
      return { text, status: 0, errors: [] };
    }
    case 'targets': {
      const ast = await parseRequest(request, host, signal);
      const text = call.isJson ? toJson(targetsJson(ast)) : renderTargets(ast);
      return { text, status: 0, errors: [] };
    }
    default:
      return call.method satisfies never;
  }
}

function toJson(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
