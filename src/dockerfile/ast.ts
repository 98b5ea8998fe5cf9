import type { SourceFile, Span } from '../diagnostics/source.ts';

/**
 * A Dockerfile as written. Nothing is expanded, resolved or defaulted here; words keep their quotes
 * and escapes in `raw`, so that later stations can expand them by the rules of each instruction.
 */
export interface DockerfileAst {
  readonly source: SourceFile;
  /** `# syntax=`, `# escape=` and `# check=` at the top of the file, in order. */
  readonly directives: readonly Directive[];
  readonly escape: '\\' | '`';
  /** ARG instructions before the first FROM, in order. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly StageNode[];
  /** Every comment line, also those inside continued instructions. */
  readonly comments: readonly Comment[];
}

export interface Directive {
  readonly name: 'syntax' | 'escape' | 'check';
  readonly value: string;
  readonly span: Span;
}

export interface Comment {
  /** Without the `#`. */
  readonly text: string;
  readonly span: Span;
}

/** A FROM and everything up to the next one. */
export interface StageNode {
  /** 0 for the first FROM of the file; what `COPY --from=0` names. */
  readonly index: number;
  readonly from: FromInstruction;
  readonly instructions: readonly StageInstruction[];
}

/** A piece of the file: its text as written and where it stands. */
export interface Word {
  readonly raw: string;
  readonly span: Span;
}

/** `--name=value`; `value` is undefined for a bare `--name`. */
export interface Flag {
  readonly name: string;
  readonly value: Word | undefined;
  readonly span: Span;
}

interface InstructionBase {
  /** The keyword as written, for messages and the casing checks. */
  readonly keyword: Word;
  /** From the keyword to the end of the last heredoc or continuation line. */
  readonly span: Span;
  /** One line: continuations joined, comments dropped, heredoc bodies left out. As BuildKit's `Original`. */
  readonly original: string;
  /** Comment lines directly above, for `# check=skip=` and descriptions. */
  readonly comments: readonly Comment[];
  /** Every flag in order, as written; the typed fields below hold the checked values. */
  readonly flags: readonly Flag[];
}

export interface Heredoc {
  /** Delimiter without quotes; also the file name when it is a source of COPY. */
  readonly name: string;
  /** 0 when none is written. */
  readonly fileDescriptor: number;
  /** False when any part of the delimiter was quoted: then the body is taken as it is. */
  readonly isExpanded: boolean;
  /** `<<-`: leading tabs of every line were removed. */
  readonly isChomped: boolean;
  /** The body after chomping, each line with its newline. */
  readonly content: string;
  readonly span: Span;
}

export type StageInstruction =
  | AddInstruction
  | ArgInstruction
  | CmdInstruction
  | CopyInstruction
  | EntrypointInstruction
  | EnvInstruction
  | ExposeInstruction
  | HealthcheckInstruction
  | LabelInstruction
  | MaintainerInstruction
  | OnbuildInstruction
  | RunInstruction
  | ShellInstruction
  | StopsignalInstruction
  | UserInstruction
  | VolumeInstruction
  | WorkdirInstruction;

export type Instruction = FromInstruction | StageInstruction;

export interface FromInstruction extends InstructionBase {
  readonly kind: 'from';
  readonly image: Word;
  readonly platform: Word | undefined;
  /** Lower-cased, as stage names are. `asName.raw` in `name` keeps the spelling. */
  readonly name: { readonly text: string; readonly word: Word } | undefined;
}

/** `key=value`; `value` undefined for `ARG name`. Neither is expanded or unquoted. */
export interface KeyValue {
  readonly key: Word;
  readonly value: Word | undefined;
  /** `ENV key value`, the old form without `=`. */
  readonly isLegacy: boolean;
}

export interface ArgInstruction extends InstructionBase {
  readonly kind: 'arg';
  readonly args: readonly KeyValue[];
}
export interface EnvInstruction extends InstructionBase {
  readonly kind: 'env';
  readonly variables: readonly KeyValue[];
}
export interface LabelInstruction extends InstructionBase {
  readonly kind: 'label';
  readonly labels: readonly KeyValue[];
}

/** A command in one of its forms. `shell` text is what goes after `/bin/sh -c`, heredocs included. */
export type CommandForm =
  | { readonly form: 'exec'; readonly argv: readonly string[] }
  | { readonly form: 'shell'; readonly command: string };

export interface RunInstruction extends InstructionBase {
  readonly kind: 'run';
  readonly command: CommandForm;
  readonly heredocs: readonly Heredoc[];
  /** The only heredoc is the whole command and starts with `#!`: run it as a file. */
  readonly script: Heredoc | undefined;
  /** Values of `--mount`, comma lists not yet split. */
  readonly mounts: readonly Word[];
  readonly network: 'default' | 'none' | 'host';
  readonly security: 'sandbox' | 'insecure';
  readonly devices: readonly Word[];
}
export interface CmdInstruction extends InstructionBase {
  readonly kind: 'cmd';
  readonly command: CommandForm;
}
export interface EntrypointInstruction extends InstructionBase {
  readonly kind: 'entrypoint';
  readonly command: CommandForm;
}
export interface ShellInstruction extends InstructionBase {
  readonly kind: 'shell';
  readonly argv: readonly string[];
}

interface TransferBase extends InstructionBase {
  /** Words before the last one that are not heredocs, in order. JSON form: the strings, quoted nowhere. */
  readonly sources: readonly Word[];
  readonly destination: Word;
  readonly heredocs: readonly Heredoc[];
  readonly chown: Word | undefined;
  readonly chmod: Word | undefined;
  readonly isLink: boolean;
  readonly excludes: readonly Word[];
}
export interface CopyInstruction extends TransferBase {
  readonly kind: 'copy';
  readonly from: Word | undefined;
  readonly keepsParents: boolean;
}
export interface AddInstruction extends TransferBase {
  readonly kind: 'add';
  readonly keepsGitDir: boolean;
  readonly checksum: Word | undefined;
  /** `--unpack`; undefined means: local archives are unpacked, remote ones are not. */
  readonly unpack: boolean | undefined;
}

export interface ExposeInstruction extends InstructionBase {
  readonly kind: 'expose';
  readonly ports: readonly Word[];
}
export interface UserInstruction extends InstructionBase {
  readonly kind: 'user';
  readonly user: Word;
}
export interface WorkdirInstruction extends InstructionBase {
  readonly kind: 'workdir';
  readonly path: Word;
}
export interface VolumeInstruction extends InstructionBase {
  readonly kind: 'volume';
  readonly paths: readonly Word[];
}
export interface StopsignalInstruction extends InstructionBase {
  readonly kind: 'stopsignal';
  readonly signal: Word;
}
export interface MaintainerInstruction extends InstructionBase {
  readonly kind: 'maintainer';
  readonly name: Word;
}
export interface OnbuildInstruction extends InstructionBase {
  readonly kind: 'onbuild';
  /** The trigger as written; stored in the config and parsed again when the child image is built. */
  readonly trigger: Word;
}
export interface HealthcheckInstruction extends InstructionBase {
  readonly kind: 'healthcheck';
  /** `none` switches an inherited check off. Durations in nanoseconds, undefined when not given. */
  readonly check:
    | { readonly type: 'none' }
    | {
        readonly type: 'cmd';
        readonly command: CommandForm;
        readonly interval: number | undefined;
        readonly timeout: number | undefined;
        readonly startPeriod: number | undefined;
        readonly startInterval: number | undefined;
        readonly retries: number | undefined;
      };
}
