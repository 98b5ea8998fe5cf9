/** A file of a build context. A string is a regular file of that content, mode 0644. */
export type ContextFile =
  | string
  | { readonly content: string | Uint8Array; readonly mode?: number; readonly mtime?: number }
  | { readonly directory: true; readonly mode?: number; readonly mtime?: number }
  | { readonly symlink: string }
  /** Another name for the file at this path of the context. */
  | { readonly hardLink: string }
  | { readonly fifo: true; readonly mode?: number };

/** Extras that a plain table of files cannot say; run by the file's writer after `content`. */
export interface FileExtras {
  /** `user.*` attributes by path. */
  readonly xattrs?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Owner `[uid, gid]` by path. */
  readonly owners?: Readonly<Record<string, readonly [number, number]>>;
  /** Tar archives to make inside the context, by path. */
  readonly archives?: Readonly<Record<string, ArchiveSpec>>;
}

/** An archive that GNU tar makes of files. */
export interface ArchiveSpec extends Omit<FileExtras, 'archives'> {
  readonly files: Readonly<Record<string, ContextFile>>;
  /** How it is compressed. */
  readonly compression?: 'none' | 'gzip' | 'bzip2' | 'xz' | 'zstd';
}

/** What both builders have to do with a case. */
export type Expectation =
  /** Config, history and files are equal. The default. */
  | 'same'
  /**
   * Equal but for the facts named here, which must differ: a case whose difference is gone fails too.
   * Keys as `compare.ts` names facts (`config.Env`, `history[3].created_by`, `file /a: mode`).
   */
  | { readonly differs: readonly string[]; readonly reason: string }
  /** Both refuse. `line` is the line of the Dockerfile that our error points to. */
  | { readonly refused: string; readonly docker: RegExp; readonly line: number | undefined }
  /** Only Docker refuses: its language is older, or its limits are. Ours must have these facts. */
  | {
      readonly dockerRefuses: RegExp;
      readonly reason: string;
      /** Content of files of our result, by path. */
      readonly files?: Readonly<Record<string, string>>;
      readonly env?: readonly string[];
      readonly labels?: Readonly<Record<string, string>>;
    }
  /** Only we refuse, on purpose. */
  | { readonly weRefuse: string; readonly line: number | undefined; readonly reason: string };

/** One Dockerfile with its context, built by both. */
export interface DifferentialCase extends FileExtras {
  /** A claim or a short description; unique in its group. */
  readonly name: string;
  readonly dockerfile: string;
  /** `Dockerfile.dockerignore`, beside the Dockerfile. */
  readonly ignoreFile?: string;
  readonly context?: Readonly<Record<string, ContextFile>>;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Values of secrets by id. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target?: string;
  /** How the builders get the context; a directory beside the Dockerfile where left out. */
  readonly contextAs?: ContextForm;
  readonly expect?: Expectation;
}

/**
 * Other ways to name the context. `stdin-dockerfile` is `-f -`; the others have the Dockerfile in them:
 * a tar archive on standard input, one behind a URL, and a repository.
 */
export type ContextForm = 'stdin-dockerfile' | 'stdin-archive' | 'url-archive' | 'repository';

/** What stands for the address of the server of a run (server.ts) in a Dockerfile. */
export const SERVER = '${SERVER}';

/** Cases of one subject. */
export interface CaseGroup {
  readonly name: string;
  readonly cases: readonly DifferentialCase[];
}
