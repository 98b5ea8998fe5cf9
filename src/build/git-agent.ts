import type { SshAgents, SshSource } from '../exec/ssh-agents.ts';

/** The `--ssh` that repositories are fetched with, as in BuildKit. */
const DEFAULT_ID = 'default';

/** The agent for repositories of one build, until it is disposed. */
export interface GitAgent extends AsyncDisposable {
  /** Host path of its socket; undefined without `--ssh default`. @throws BuildError as `SshAgents` does */
  socket(signal: AbortSignal): Promise<string | undefined>;
}

/** Starts nothing before a repository behind SSH is asked for. */
export function openGitAgent(
  sources: ReadonlyMap<string, SshSource>,
  runtimeDir: string,
): GitAgent {
  let agents: Promise<SshAgents> | undefined;
  const open = async (): Promise<SshAgents> => {
    const { createSshAgents } = await import('../exec/ssh-agents.ts');
    return createSshAgents(sources, runtimeDir);
  };
  return {
    async socket(signal) {
      if (!sources.has(DEFAULT_ID)) return undefined;
      return (await (agents ??= open())).socketOf(DEFAULT_ID, signal);
    },
    async [Symbol.asyncDispose]() {
      const opened = await agents?.catch(() => undefined);
      await opened?.[Symbol.asyncDispose]();
    },
  };
}
