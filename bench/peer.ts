/** A builder that takes part. All commands are argv and environment; nothing goes through a shell. */
export interface Peer {
  readonly name: string;
  /** Version in one line, or undefined when it is not installed. */
  readonly version: () => string | undefined;
  /** Starts what it needs to run (a daemon), with a store of its own below `dir`. */
  start(dir: string, registry: string): Promise<RunningPeer>;
}

export interface RunningPeer extends AsyncDisposable {
  build(options: BuildOptions): Command;
  push(tag: string): Command;
  pull(tag: string): Command;
  /** Removes the image and everything that was made for it, so that a pull starts from nothing. */
  forget(tag: string): readonly Command[];
}

export interface BuildOptions {
  readonly dir: string;
  readonly dockerfile: string;
  readonly tag: string;
  readonly noCache: boolean;
  readonly target: string | undefined;
}

export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}
