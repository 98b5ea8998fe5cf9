import type { DockerfileAst, StageNode } from '../dockerfile/ast.ts';
import type { Span } from '../diagnostics/source.ts';
import type { Platform } from '../core/platform.ts';
import { sourceDateEpochInvalid } from './errors.ts';
import type { Expander } from './expander.ts';
import { isGitUrl } from './git-reference.ts';
import type { NamedContexts } from './named-context.ts';
import type { NamedContext } from './plan-request.ts';
import type { Variables } from './planned-step.ts';

/** Name of the build argument, as the Reproducible Builds project defines it. */
export const SOURCE_DATE_EPOCH = 'SOURCE_DATE_EPOCH';
/** The last second that RFC 3339 can write: 9999-12-31T23:59:59Z. */
const MAX_SECONDS = 253_402_300_799;

/** The value of SOURCE_DATE_EPOCH, where it is no number, and what has the time that it stands for. */
export interface EpochSource {
  readonly name: string;
  readonly place: EpochPlace;
}

/** Where a time is to be asked for. */
export type EpochPlace =
  /** The main build context. */
  | { readonly kind: 'context' }
  /** A URL or repository: a named context, or what the ADD of a stage fetches. */
  | {
      readonly kind: 'remote';
      readonly url: string;
      /** `--checksum` of the ADD; empty when not given. */
      readonly checksum: string;
      readonly span: Span | undefined;
    }
  /** A named context that has no time of its own: a directory or an image. */
  | { readonly kind: 'timeless' };

/** What a value is read with. */
export interface EpochScope {
  readonly ast: DockerfileAst;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly globals: Variables;
  readonly contexts: NamedContexts;
  readonly platform: Platform;
  readonly expander: Expander;
}

/**
 * The time that all times are held to, in seconds since 1970: a build argument, else a global ARG of the
 * Dockerfile. Empty is none. A word stands for the time of something else: `context` for the build
 * context, then the names of named contexts, then of stages that fetch one thing and nothing more; rules
 * as in BuildKit (`dockerfile2llb/source_date_epoch.go`).
 * @throws BuildError SOURCE_DATE_EPOCH_INVALID
 */
export function sourceDateEpochOf(scope: EpochScope): number | EpochSource | undefined {
  const { buildArgs, globals } = scope;
  const name = buildArgs.get(SOURCE_DATE_EPOCH) ?? globals.get(SOURCE_DATE_EPOCH) ?? '';
  if (name === '') return undefined;
  if (/^-?\d+$/.test(name)) {
    const seconds = Number(name);
    if (Math.abs(seconds) > MAX_SECONDS) {
      throw sourceDateEpochInvalid(name, 'it is after the year 9999 or as far before 1970');
    }
    return seconds;
  }
  return { name, place: epochPlace(name, scope) };
}

function epochPlace(name: string, scope: EpochScope): EpochPlace {
  if (name === 'context') return { kind: 'context' };
  const named = scope.contexts.find(name, scope.platform)?.context;
  if (named !== undefined && named.type !== 'stage') return contextPlace(named);
  const stageName = (named?.name ?? name).toLowerCase();
  const stage = scope.ast.stages.find(({ from }) => from.name?.text === stageName);
  if (stage === undefined) {
    const found =
      'it is neither a whole number of seconds since 1970 nor "context" nor the name of a stage or named context';
    throw sourceDateEpochInvalid(name, found);
  }
  return stagePlace(name, stage, scope);
}

function contextPlace(context: Exclude<NamedContext, { readonly type: 'stage' }>): EpochPlace {
  return context.type === 'git' || context.type === 'http'
    ? { kind: 'remote', url: context.url, checksum: '', span: undefined }
    : { kind: 'timeless' };
}

/** A stage has the time of what it fetches when that is all that it is. */
function stagePlace(
  name: string,
  { from, instructions }: StageNode,
  scope: EpochScope,
): EpochPlace {
  const { buildArgs, expander } = scope;
  const variables = new Map(scope.globals);
  // Its time is not known yet.
  variables.delete(SOURCE_DATE_EPOCH);
  if (expander.word(from.image, variables).text !== 'scratch') {
    throw sourceDateEpochInvalid(name, 'that stage does not begin with FROM scratch', from.span);
  }
  let place: EpochPlace | undefined;
  for (const instruction of instructions) {
    if (instruction.kind === 'arg') {
      for (const { key, value } of instruction.args) {
        const text = buildArgs.get(key.raw) ?? (value && expander.word(value, variables).text);
        if (text !== undefined && key.raw !== SOURCE_DATE_EPOCH) variables.set(key.raw, text);
      }
      continue;
    }
    const [source, ...others] = instruction.kind === 'add' ? instruction.sources : [];
    const isOnly = place === undefined && others.length === 0;
    if (instruction.kind !== 'add' || source === undefined || !isOnly) {
      throw notOneSource(name, instruction.span);
    }
    const url = expander.word(source, variables).text;
    const isRemote = isGitUrl(url) || /^https?:\/\//.test(url);
    if (!isRemote || instruction.heredocs.length > 0) throw notOneSource(name, instruction.span);
    const { checksum, span } = instruction;
    place = {
      ...{ kind: 'remote', url, span },
      checksum: checksum === undefined ? '' : expander.word(checksum, variables).text,
    };
  }
  if (place === undefined) throw notOneSource(name, from.span);
  return place;
}

function notOneSource(name: string, span: Span): Error {
  const found = 'that stage does more or less than ADD one URL or repository';
  return sourceDateEpochInvalid(name, found, span);
}
