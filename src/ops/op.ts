import type { Digest } from '../core/digest.ts';
import type { Platform } from '../core/platform.ts';
import type { Span } from '../diagnostics/source.ts';

/** Index into `OpGraph.ops`. An op only names smaller ids, so the array is already in build order. */
export type OpId = number & { readonly __opId: true };

/**
 * One node of the build graph: what to do, never how, when or whether it is cached.
 * Field for field this can be written as LLB (BuildKit `solver/pb/ops.proto`), with nothing lost.
 * Every op has one output here: a file system. LLB's output indexes are added when it is written out.
 */
export type Op = SourceOp | ExecOp | FileOp | MergeOp | DiffOp;

/** Where files come from. `identifier` has LLB's schemes. */
export interface SourceOp {
  readonly kind: 'source';
  readonly source: Source;
  readonly platform: Platform | undefined;
}

export type Source =
  /** `docker-image://name@digest`. Layers are fetched only when their files are needed. */
  | { readonly type: 'image'; readonly name: string; readonly manifestDigest: Digest }
  /** `oci-layout://name@digest`. */
  | { readonly type: 'oci-layout'; readonly name: string; readonly manifestDigest: Digest }
  /** `local://name`: the main context is `context`, a named one has its own name. */
  | { readonly type: 'local'; readonly name: string }
  /** `https://…`: one file. `checksum` when the Dockerfile names it. */
  | {
      readonly type: 'http';
      readonly url: string;
      readonly checksum: Digest | undefined;
      readonly filename: string | undefined;
      /** What the URL stood for when the build began. */
      readonly pin?: UrlPin | undefined;
    }
  /** `git://…#ref:subdir`. */
  | {
      readonly type: 'git';
      readonly remote: string;
      readonly ref: string | undefined;
      readonly subdir: string | undefined;
      readonly keepsGitDir: boolean;
      /** Commit, or the start of one, that `ref` must lead to. */
      readonly checksum?: string | undefined;
      /** `?submodules=false`. Submodules are fetched otherwise. */
      readonly skipsSubmodules?: boolean | undefined;
      /** `?mtime=commit`: files get the time of the commit. */
      readonly usesCommitTime?: boolean | undefined;
      /** `?fetch-by-commit`: fetch `checksum` itself and do not compare it with `ref`. */
      readonly fetchesByCommit?: boolean | undefined;
      /** What `ref` led to when the build began. */
      readonly pin?: GitPin | undefined;
    };

/** A file elsewhere, by its content. Names the result in place of the URL. */
export interface UrlPin {
  readonly digest: Digest;
  /** Name that the file gets. */
  readonly filename: string;
  /** Seconds since 1970, from Last-Modified; 0 when the server did not say, undefined when nobody asked. */
  readonly mtime: number | undefined;
}

/** A state of a repository. Names the result in place of its address and `ref`. */
export interface GitPin {
  /** 40 hex digits. */
  readonly commit: string;
  /** Full name of the branch or tag that led there; undefined when a commit was named. */
  readonly refName: string | undefined;
}

export interface ExecOp {
  readonly kind: 'exec';
  /** Root file system; undefined is scratch. */
  readonly root: OpId | undefined;
  readonly args: readonly string[];
  /** `NAME=value`, in order. */
  readonly env: readonly string[];
  /** Build arguments and proxy settings that the step sees but that never enter key or image. */
  readonly proxyEnv: readonly string[];
  readonly cwd: string;
  /** As USER gives it; empty means root. */
  readonly user: string;
  readonly mounts: readonly Mount[];
  readonly network: 'default' | 'none' | 'host';
  readonly security: 'sandbox' | 'insecure';
  readonly platform: Platform;
  /** `RUN --device`, in order. */
  readonly devices?: readonly DeviceRequest[] | undefined;
  /** Lines for /etc/hosts (`--add-host`). The addresses do not enter the cache key, as in BuildKit. */
  readonly extraHosts?: readonly ExtraHost[] | undefined;
}

/** A device of the machine that runs the step, by a name of the Container Device Interface. */
export interface DeviceRequest {
  readonly name: string;
  /** False: the step runs without it where it is not there. */
  readonly isRequired: boolean;
}

/** One `--add-host name:address`. */
export interface ExtraHost {
  readonly host: string;
  readonly address: string;
}

export type Mount =
  | {
      readonly type: 'bind';
      readonly from: OpId | undefined;
      /** Path inside `from`. */
      readonly source: string;
      readonly target: string;
      readonly isReadonly: boolean;
    }
  | {
      readonly type: 'cache';
      readonly id: string;
      readonly target: string;
      readonly from: OpId | undefined;
      readonly source: string;
      readonly sharing: 'shared' | 'private' | 'locked';
      readonly isReadonly: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly type: 'tmpfs'; readonly target: string; readonly sizeBytes: number | undefined }
  | {
      readonly type: 'secret';
      readonly id: string;
      /** Undefined: only the environment variable is set. */
      readonly target: string | undefined;
      readonly env: string | undefined;
      readonly isRequired: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly type: 'ssh';
      readonly id: string;
      readonly target: string;
      readonly isRequired: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

/** File actions, applied in order to `base`. With no base and no action it is scratch as a source to copy from. */
export interface FileOp {
  readonly kind: 'file';
  /** Undefined is scratch. */
  readonly base: OpId | undefined;
  readonly actions: readonly FileAction[];
}

export type FileAction = CopyAction | MkdirAction | MkfileAction | RmAction | SymlinkAction;

/** Owner as written; names are looked up in the passwd and group files of `base`. */
export interface Owner {
  readonly user: string;
  /** Undefined: the user's group as Docker chooses it. */
  readonly group: string | undefined;
}

/** One source of a COPY or ADD. Semantics: BuildKit `solver/llbsolver/file/backend.go`. */
export interface CopyAction {
  readonly action: 'copy';
  readonly from: OpId;
  /**
   * Absolute and clean path in `from`; may hold wildcards when `allowsWildcard`. With `keepsParents`
   * it may hold one pivot `/./`: only what follows the pivot is kept below `destination`.
   */
  readonly source: string;
  /** Absolute and clean; a trailing slash means "into this directory". */
  readonly destination: string;
  readonly owner: Owner | undefined;
  /** Octal (`0755`) or symbolic (`u=rwX,go=rX`), as written. */
  readonly mode: string | undefined;
  readonly followsSymlink: boolean;
  readonly copiesDirContents: boolean;
  readonly unpacksArchives: boolean;
  readonly allowsWildcard: boolean;
  readonly allowsEmptyWildcard: boolean;
  readonly createsDestPath: boolean;
  readonly keepsParents: boolean;
  readonly excludes: readonly string[];
}
export interface MkdirAction {
  readonly action: 'mkdir';
  readonly path: string;
  readonly mode: number;
  readonly makesParents: boolean;
  readonly owner: Owner | undefined;
}
export interface MkfileAction {
  readonly action: 'mkfile';
  readonly path: string;
  readonly mode: string;
  readonly data: string;
  readonly owner: Owner | undefined;
}
export interface RmAction {
  readonly action: 'rm';
  readonly path: string;
  readonly allowsNotFound: boolean;
  readonly allowsWildcard: boolean;
}
export interface SymlinkAction {
  readonly action: 'symlink';
  readonly target: string;
  readonly path: string;
  readonly owner: Owner | undefined;
}

/** Stacks the inputs, later ones on top. */
export interface MergeOp {
  readonly kind: 'merge';
  readonly inputs: readonly OpId[];
}

/** What `upper` has over `lower`, as a file system of its own. */
export interface DiffOp {
  readonly kind: 'diff';
  readonly lower: OpId | undefined;
  readonly upper: OpId | undefined;
}

/** The ops that `op` reads, each once, in the order it names them. */
export function inputsOf(op: Op): readonly OpId[] {
  return [...new Set(namedInputs(op))];
}

function namedInputs(op: Op): OpId[] {
  switch (op.kind) {
    case 'source':
      return [];
    case 'exec':
      return [
        ...present(op.root),
        ...op.mounts.flatMap((m) => ('from' in m ? present(m.from) : [])),
      ];
    case 'file':
      return [
        ...present(op.base),
        ...op.actions.flatMap((a) => (a.action === 'copy' ? [a.from] : [])),
      ];
    case 'merge':
      return [...op.inputs];
    case 'diff':
      return [...present(op.lower), ...present(op.upper)];
    default:
      return op satisfies never;
  }
}

function present(id: OpId | undefined): OpId[] {
  return id === undefined ? [] : [id];
}

/** What people see of an op. None of it enters the identity or the cache key. */
export interface OpMetadata {
  /** `[builder 2/5] RUN go build`, as BuildKit prints it. */
  readonly name: string;
  /** The instruction to blame in errors and in the report. */
  readonly span: Span | undefined;
  /** Name, or index as text, of the stage the op belongs to first. Undefined for contexts. */
  readonly stage: string | undefined;
  /** `--no-cache` or `--no-cache-filter` covers this op. */
  readonly ignoresCache: boolean;
  /** Variables of the step that ARG declares; for explanations. */
  readonly buildArgs?: readonly string[] | undefined;
}
