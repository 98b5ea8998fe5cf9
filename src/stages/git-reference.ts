import type { Span } from '../diagnostics/source.ts';
import { gitReferenceInvalid } from './errors.ts';

/** A git URL as ADD, build contexts and named contexts take it, in its parts. */
export interface GitReference {
  /** What git itself gets. */
  readonly remote: string;
  /** Branch, tag or commit; undefined is the default branch. */
  readonly ref: string | undefined;
  /** Relative, clean. */
  readonly subdir: string | undefined;
  /** Commit, or the start of one, that `ref` must lead to. */
  readonly checksum: string | undefined;
  readonly keepsGitDir: boolean | undefined;
  readonly fetchesSubmodules: boolean | undefined;
  readonly usesCommitTime: boolean;
  readonly fetchesByCommit: boolean;
}

const SCP_FORM = /^(\w[\w.-]*@\w[\w.-]*:[^?#]*)(?:\?([^#]*))?(?:#(.*))?$/;
const URL_FORM = /^((git|ssh|https?):\/\/[^?#]+)(?:\?([^#]*))?(?:#(.*))?$/i;

/**
 * True for what ADD and contexts treat as a git repository: `git://`, `ssh://`, `user@host:path`, and
 * `http(s)://` when the path ends in `.git`.
 */
export function isGitUrl(text: string): boolean {
  return splitUrl(text) !== undefined;
}

/**
 * Reads a git URL with its fragment (`#ref:subdir`) and query (`?branch=…&subdir=…`).
 * Undefined when `text` is no git URL.
 * @throws BuildError GIT_REFERENCE_INVALID when query and fragment cannot be obeyed.
 */
export function parseGitReference(text: string, span?: Span): GitReference | undefined {
  const parts = splitUrl(text);
  if (parts === undefined) return undefined;
  const query = readQuery(parts.query, (found) => gitReferenceInvalid(text, found, span));
  const [fragmentRef = '', ...rest] = parts.fragment.split(':');
  const fail = (found: string): never => {
    throw gitReferenceInvalid(text, found, span);
  };
  const ref = agree('ref', [fragmentRef, query.get('ref'), tagOf(query), branchOf(query)], fail);
  const subdir = agree(
    'subdir',
    [cleanSubdir(rest.join(':')), cleanSubdir(query.get('subdir') ?? '')],
    fail,
  );
  if (query.has('tag') && query.has('branch')) fail('a branch and a tag are both named');
  if (ref !== undefined && !isRefName(ref)) fail(`no branch, tag or commit can be called "${ref}"`);
  const checksum = query.get('checksum') ?? query.get('commit');
  if (checksum !== undefined && !isCommitStart(checksum)) {
    fail(`the checksum "${checksum}" is not the start of a commit id`);
  }
  return {
    remote: parts.remote,
    ref,
    subdir,
    checksum,
    keepsGitDir: flag(query, 'keep-git-dir', fail),
    fetchesSubmodules: flag(query, 'submodules', fail),
    usesCommitTime: oneOf(query, 'mtime', ['checkout', 'commit'], fail) === 'commit',
    fetchesByCommit: flag(query, 'fetch-by-commit', fail) ?? false,
  };
}

type Fail = (found: string) => never;

function splitUrl(text: string): { remote: string; query: string; fragment: string } | undefined {
  const url = URL_FORM.exec(text);
  if (url !== null) {
    const [, remote = '', scheme = '', query = '', fragment = ''] = url;
    const isHttp = scheme.toLowerCase().startsWith('http');
    if (isHttp && !remote.endsWith('.git')) return undefined;
    return { remote, query, fragment };
  }
  const scp = SCP_FORM.exec(text);
  if (scp === null) return undefined;
  const [, remote = '', query = '', fragment = ''] = scp;
  return { remote, query, fragment };
}

const KEYS = [
  'ref',
  'tag',
  'branch',
  'subdir',
  'checksum',
  'commit',
  'keep-git-dir',
  'submodules',
  'mtime',
  'fetch-by-commit',
];
const MAY_BE_EMPTY = new Set(['keep-git-dir', 'submodules', 'fetch-by-commit']);

function readQuery(query: string, failure: (found: string) => Error): Map<string, string> {
  const values = new Map<string, string>();
  for (const [key, value] of new URLSearchParams(query)) {
    if (!KEYS.includes(key)) throw failure(`unexpected query "${key}"`);
    if (values.has(key)) throw failure(`query "${key}" has multiple values`);
    if (value === '' && !MAY_BE_EMPTY.has(key)) throw failure(`query "${key}" has no value`);
    values.set(key, value);
  }
  return values;
}

function tagOf(query: ReadonlyMap<string, string>): string | undefined {
  return prefixed(query.get('tag'), 'refs/tags/');
}

function branchOf(query: ReadonlyMap<string, string>): string | undefined {
  return prefixed(query.get('branch'), 'refs/heads/');
}

function prefixed(name: string | undefined, prefix: string): string | undefined {
  return name === undefined || name.startsWith(prefix) ? name : prefix + name;
}

/** The one value that is given, or given several times over. */
function agree(
  what: string,
  given: readonly (string | undefined)[],
  fail: Fail,
): string | undefined {
  const values = given.filter((value) => value !== undefined && value !== '');
  const [first, other] = [...new Set(values)];
  if (first !== undefined && other !== undefined)
    fail(`${what} conflicts: "${first}" and "${other}"`);
  return first;
}

function flag(query: ReadonlyMap<string, string>, key: string, fail: Fail): boolean | undefined {
  const value = query.get(key);
  if (value === undefined) return undefined;
  if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  return fail(`invalid ${key} value: "${value}"`);
}

function oneOf(
  query: ReadonlyMap<string, string>,
  key: string,
  allowed: readonly string[],
  fail: Fail,
): string | undefined {
  const value = query.get(key);
  if (value !== undefined && !allowed.includes(value)) {
    fail(`invalid ${key} value: "${value}" (must be ${allowed.map((v) => `"${v}"`).join(' or ')})`);
  }
  return value;
}

/** As `git check-ref-format` has it. A name that begins with "-" would be an option to git. */
function isRefName(name: string): boolean {
  const isOdd = /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.$|\.lock$/.test(name);
  return !isOdd && !/^[-/.]/.test(name);
}

/** True for the first digits of a commit id. */
export function isCommitStart(text: string): boolean {
  return /^[0-9a-f]{1,64}$/.test(text);
}

/** `../` cannot lead out of the repository. */
function cleanSubdir(subdir: string): string {
  const parts: string[] = [];
  for (const part of subdir.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
