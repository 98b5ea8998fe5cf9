import type { Span } from '../diagnostics/source.ts';
import type { CommandForm, HealthcheckInstruction } from '../dockerfile/ast.ts';
import type { RunDevice } from '../dockerfile/run-device.ts';
import type { RunMount } from '../dockerfile/run-mount.ts';
import type { FileSource } from './stage-graph.ts';

/** Variables of a stage, ENV and ARG alike, in the order in which they were last set. */
export type Variables = ReadonlyMap<string, string>;

/** One instruction of a stage after expansion, with what it sees. */
export type PlannedStep = StepContext & StepAction;

/** What every step knows. */
export interface StepContext {
  readonly span: Span;
  /** It came from a trigger of the base. */
  readonly isOnbuild: boolean;
}

/** What steps that change files know as well. */
export interface FileStep {
  /** What people see after `[stage 1/4] `: the instruction on one line, variables filled in. */
  readonly title: string;
  /** As they are before the step. */
  readonly variables: Variables;
}

/** `name=value` after expansion. */
export type Assignment = readonly [name: string, value: string];

export type StepAction =
  | RunStep
  | TransferStep
  | { readonly kind: 'env'; readonly assignments: readonly Assignment[] }
  | {
      readonly kind: 'arg';
      readonly args: readonly { readonly name: string; readonly value: string | undefined }[];
    }
  | { readonly kind: 'label'; readonly labels: readonly Assignment[] }
  | { readonly kind: 'expose'; readonly ports: readonly string[] }
  | { readonly kind: 'user'; readonly user: string }
  | WorkdirStep
  | { readonly kind: 'volume'; readonly paths: readonly string[] }
  | { readonly kind: 'stopsignal'; readonly signal: string }
  | { readonly kind: 'maintainer'; readonly name: string }
  | { readonly kind: 'onbuild'; readonly trigger: string }
  | { readonly kind: 'healthcheck'; readonly check: HealthcheckInstruction['check'] }
  | { readonly kind: 'shell'; readonly argv: readonly string[] }
  | { readonly kind: 'cmd'; readonly command: CommandForm }
  | { readonly kind: 'entrypoint'; readonly command: CommandForm };

export interface WorkdirStep extends FileStep {
  readonly kind: 'workdir';
  readonly path: string;
}

export interface RunStep extends FileStep {
  readonly kind: 'run';
  readonly command: CommandForm;
  /** The heredoc that is the whole command and starts with `#!`. */
  readonly script: { readonly name: string; readonly content: string } | undefined;
  readonly mounts: readonly PlannedMount[];
  readonly network: 'default' | 'none' | 'host';
  readonly security: 'sandbox' | 'insecure';
  readonly devices: readonly RunDevice[];
  /** Declared build arguments in the order of first declaration, with their present values. */
  readonly buildArgs: readonly Assignment[];
}

/** COPY or ADD. */
export interface TransferStep extends FileStep {
  readonly kind: 'copy' | 'add';
  readonly from: FileSource;
  readonly sources: readonly string[];
  readonly files: readonly { readonly name: string; readonly content: string }[];
  readonly destination: string;
  /** Empty when not given. */
  readonly chown: string;
  /** Empty when not given. */
  readonly chmod: string;
  readonly isLink: boolean;
  readonly excludes: readonly string[];
  /** COPY only. */
  readonly keepsParents: boolean;
  /** ADD only. */
  readonly keepsGitDir: boolean;
  /** ADD only; empty when not given. */
  readonly checksum: string;
  /** ADD only. Undefined: local archives are unpacked, remote ones are not. */
  readonly unpack: boolean | undefined;
}

/** `RUN --mount` after expansion and with its source resolved. */
export interface PlannedMount extends Omit<RunMount, 'from'> {
  /** Undefined when the mount takes no files from anywhere. */
  readonly from: FileSource | undefined;
  readonly span: Span;
}
