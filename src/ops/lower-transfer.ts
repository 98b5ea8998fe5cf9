import type { Digest } from '../core/digest.ts';
import { isCommitStart, parseGitReference } from '../stages/git-reference.ts';
import type { TransferStep } from '../stages/planned-step.ts';
import type { Span } from '../diagnostics/source.ts';
import { copyAction } from './copy-action.ts';
import {
  checksumInvalid,
  chmodInvalid,
  keepGitDirConflict,
  linkedOwnerName,
  sourceNotLocal,
} from './errors.ts';
import { baseName, cleanPath, documentPath, joinDestination, UNNAMED } from './image-path.ts';
import type { CopyAction, OpId, Owner, Source } from './op.ts';

/** What COPY and ADD are lowered with. */
export interface TransferScope {
  readonly span: Span;
  /** WORKDIR, clean. */
  readonly cwd: string;
  /** The op that `step.from` stands for. */
  readonly from: () => OpId;
  /** Adds the op of a remote source. */
  readonly remote: (source: Source) => OpId;
  /** Adds the op that holds the body of a heredoc as the file `/name`. */
  readonly document: (file: { readonly name: string; readonly content: string }) => OpId;
}

/**
 * One action for each source, in order, local and remote ones first. Options as BuildKit sets them
 * (`dockerfile2llb/convert_copy.go`).
 */
export function lowerTransfer(step: TransferStep, scope: TransferScope): CopyAction[] {
  const { span } = scope;
  checkMode(step.chmod, span);
  checkChecksumUse(step, span);
  if (step.isLink && hasName(ownerOf(step.chown))) throw linkedOwnerName(step.chown, span);
  const destination = joinDestination(scope.cwd, step.destination);
  const common = {
    owner: ownerOf(step.chown),
    mode: step.chmod === '' ? undefined : step.chmod,
    excludes: step.excludes,
  };
  const actions = step.sources.map((source): CopyAction => {
    const remote = remoteSource(source, step, span);
    if (remote?.type === 'git') {
      const options = { ...common, copiesDirContents: true };
      return copyAction(scope.remote(remote), '/', destination, options);
    }
    if (remote?.type === 'http') {
      const file = `/${remote.filename ?? UNNAMED}`;
      const unpacksArchives = step.unpack ?? false;
      return copyAction(scope.remote(remote), file, destination, { ...common, unpacksArchives });
    }
    const path = step.keepsParents ? pivotedPath(source) : cleanPath(source);
    return copyAction(scope.from(), path, destination, {
      ...common,
      followsSymlink: true,
      copiesDirContents: true,
      unpacksArchives: step.unpack ?? step.kind === 'add',
      allowsWildcard: true,
      allowsEmptyWildcard: true,
      keepsParents: step.keepsParents,
    });
  });
  const documents = step.files.map((file) =>
    copyAction(scope.document(file), documentPath(file.name), destination, common),
  );
  return [...actions, ...documents];
}

/**
 * Owner as USER, `--chown` and `user[:group]` write it. Undefined for the empty text. A colon with nothing
 * behind it leaves the group to the user, as in BuildKit's `WithUser` (client/llb/fileop.go, 0.34).
 */
export function ownerOf(text: string): Owner | undefined {
  if (text === '') return undefined;
  const colon = text.indexOf(':');
  if (colon === -1) return { user: text, group: undefined };
  const group = text.slice(colon + 1);
  return { user: text.slice(0, colon), group: group === '' ? undefined : group };
}

/** True when a user or group has to be looked up. `root` is 0 everywhere. */
function hasName(owner: Owner | undefined): boolean {
  return [owner?.user, owner?.group].some(
    (part) => part !== undefined && part !== 'root' && !/^\d*$/.test(part),
  );
}

type RemoteSource = Extract<Source, { readonly type: 'http' | 'git' }>;

function remoteSource(text: string, step: TransferStep, span: Span): RemoteSource | undefined {
  const git = parseGitReference(text, span);
  if (git !== undefined) {
    if (step.kind === 'copy') throw sourceNotLocal(text, 'a git ref', span);
    if (step.keepsGitDir && git.keepsGitDir === false) throw keepGitDirConflict(text, span);
    const { checksum: written } = git;
    if (step.checksum !== '' && written !== undefined && written !== step.checksum) {
      throw checksumInvalid(
        step.checksum,
        `checksum mismatch "${step.checksum}" != "${written}"`,
        span,
      );
    }
    const checksum = written ?? (step.checksum === '' ? undefined : step.checksum);
    if (checksum !== undefined && !isCommitStart(checksum)) {
      throw checksumInvalid(checksum, 'it is not the start of a commit id', span);
    }
    return gitSource(git, { checksum, keepsGitDir: git.keepsGitDir ?? step.keepsGitDir });
  }
  if (!isHttpUrl(text)) return undefined;
  if (step.kind === 'copy') throw sourceNotLocal(text, 'a URL', span);
  const checksum = step.checksum === '' ? undefined : readDigest(step.checksum);
  if (step.checksum !== '' && checksum === undefined) {
    throw checksumInvalid(step.checksum, 'it is not "sha256:" and 64 hex digits', span);
  }
  return { type: 'http', url: text, checksum, filename: urlFileName(text) };
}

/** A git repository as a source; options that are off are left out. */
export function gitSource(
  git: NonNullable<ReturnType<typeof parseGitReference>>,
  flags: { readonly checksum: string | undefined; readonly keepsGitDir: boolean },
): Extract<Source, { readonly type: 'git' }> {
  return {
    type: 'git',
    remote: git.remote,
    ref: git.ref,
    subdir: git.subdir,
    keepsGitDir: flags.keepsGitDir,
    ...(flags.checksum === undefined ? {} : { checksum: flags.checksum }),
    ...(git.fetchesSubmodules === false ? { skipsSubmodules: true } : {}),
    ...(git.usesCommitTime ? { usesCommitTime: true } : {}),
    ...(git.fetchesByCommit ? { fetchesByCommit: true } : {}),
  };
}

/** As `parseDigest` of core/, which needs node:crypto and so cannot run in browsers. */
function readDigest(text: string): Digest | undefined {
  return /^sha256:[0-9a-f]{64}$/.test(text) ? (text as Digest) : undefined;
}

function isHttpUrl(text: string): boolean {
  return text.startsWith('http://') || text.startsWith('https://');
}

function urlFileName(url: string): string {
  const path = /^https?:\/\/[^/?#]*([^?#]*)/.exec(url)?.[1] ?? '';
  const name = baseName(decoded(path));
  return isFileName(name) ? name : UNNAMED;
}

/** What could leave the directory, or be shown as something else, is no name. */
function isFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[\u0000-\u001f\u007f]/.test(name);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** With `--parents`, `/./` marks from where the path is kept. Each side is cleaned on its own. */
function pivotedPath(source: string): string {
  const pivot = source.indexOf('/./');
  if (pivot === -1) return cleanPath(source);
  const parent = cleanPath(source.slice(0, pivot));
  const kept = cleanPath(source.slice(pivot + '/./'.length));
  return `${parent === '/' ? '' : parent}/.${kept}`;
}

const OCTAL = /^[0-7]+$/;
const SYMBOLIC = /^[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+(?:,[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)*$/;

function checkMode(mode: string, span: Span): void {
  if (mode === '') return;
  if (OCTAL.test(mode) && Number.parseInt(mode, 8) <= 0o7777) return;
  if (SYMBOLIC.test(mode)) return;
  throw chmodInvalid(mode, span);
}

function checkChecksumUse(step: TransferStep, span: Span): void {
  const { checksum, sources, files } = step;
  if (checksum === '') return;
  const [source = ''] = sources;
  if (sources.length + files.length !== 1) {
    throw checksumInvalid(checksum, "checksum can't be specified for multiple sources", span);
  }
  if (!isHttpUrl(source) && parseGitReference(source, span) === undefined) {
    throw checksumInvalid(checksum, 'checksum requires HTTP(S) or Git sources', span);
  }
}
