import { formatPlatform, type Platform } from '../core/platform.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { DEFAULT_PIDS, neededControllers, type StepLimits } from '../sandbox/step-limits.ts';

/**
 * Sandboxes by the platform of steps: each is probed once, when its first step runs. What they are, and
 * which limits they cannot keep, is said once, `note` being told.
 */
export function stepSandboxes(
  open: (platform: Platform) => Promise<Sandbox>,
  limits: StepLimits,
  note: (text: string) => void,
): (platform: Platform) => Promise<Sandbox> {
  const sandboxes = new Map<string, Promise<Sandbox>>();
  const said = new Set<string>();
  const say = (text: string): void => {
    if (!said.has(text)) note(text);
    said.add(text);
  };
  const openAndSay = async (platform: Platform): Promise<Sandbox> => {
    const sandbox = await open(platform);
    say(`Steps run in ${sandbox.description}`);
    const problem = limitsNote(sandbox, limits);
    if (problem !== undefined) say(problem);
    return sandbox;
  };
  return (platform) => {
    const name = formatPlatform(platform);
    const sandbox = sandboxes.get(name) ?? openAndSay(platform);
    sandboxes.set(name, sandbox);
    return sandbox;
  };
}

function limitsNote(sandbox: Sandbox, limits: StepLimits): string | undefined {
  // The number of processes is limited where that costs nothing; nobody asked for it.
  const asked = limits.pids === DEFAULT_PIDS ? { ...limits, pids: undefined } : limits;
  const names = neededControllers(asked);
  const problem = names.length === 0 ? undefined : sandbox.limitsProblem(asked);
  return problem && `Steps run without limits of ${names.join(', ')}: ${problem}`;
}
