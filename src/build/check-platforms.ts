import { formatPlatform, hostPlatform, type Platform } from '../core/platform.ts';
import { blame } from '../diagnostics/blame.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import type { OpId } from '../ops/op.ts';
import type { Runnable } from '../sandbox/emulation/foreign-programs.ts';
import { platformNotRunnable } from '../sandbox/errors.ts';
import type { Solver } from '../solve/solver.ts';
import { foreseeOps } from './foresee-ops.ts';

/** What the check asks of the world. */
export interface PlatformCheckHost {
  /** Value of `process.arch`. */
  readonly arch: string;
  readonly findRunnable: (platform: Platform) => Promise<Runnable>;
}

/**
 * Refuses a build whose steps are for a platform that this host cannot run, before anything runs. Steps
 * whose results are in the cache need no running, so the cache is asked, but only in that rare case.
 * `openSolver` gives one that can only look.
 * @throws BuildError PLATFORM_NOT_RUNNABLE, at the first of those steps
 */
export async function checkPlatforms(
  graph: OpGraph,
  { arch, findRunnable }: PlatformCheckHost,
  openSolver: () => Solver,
  signal: AbortSignal,
): Promise<void> {
  const native = hostPlatform(arch);
  const verdicts = new Map<string, Runnable>();
  const refused = new Map<OpId, Error>();
  for (const [index, op] of graph.ops.entries()) {
    if (op.kind !== 'exec') continue;
    const { platform } = op;
    if (platform.os === native.os && platform.architecture === native.architecture) continue;
    const name = formatPlatform(platform);
    const runnable = verdicts.get(name) ?? (await findRunnable(platform));
    verdicts.set(name, runnable);
    if (runnable.kind !== 'impossible') continue;
    refused.set(index as OpId, platformNotRunnable(name, runnable.reason, runnable.remedy));
  }
  if (refused.size === 0) return;
  const forecasts = await foreseeOps(graph, openSolver(), signal);
  for (const [id, error] of refused) {
    const forecast = forecasts[id];
    if (forecast?.isNeeded !== true || forecast.kind === 'cached') continue;
    throw blame(error, graph.metadata[id]?.span);
  }
}
