import { canonicalJson, type Json } from '../core/canonical-json.ts';
import { formatPlatform } from '../core/platform.ts';
import type {
  CopyAction,
  ExecOp,
  FileAction,
  FileOp,
  Mount,
  Op,
  Owner,
  Source,
  UrlPin,
} from '../ops/op.ts';
import type { KeyParts } from './cache-key.ts';

/**
 * The part of an op's key that the op alone decides; its inputs add theirs (key-maker.ts).
 * Every field of an op is here, or listed as left out:
 *   exec.proxyEnv           proxies never change a result that is worth keeping
 *   exec.extraHosts         only the names count, as in BuildKit
 *   git.fetchesByCommit     another way to the same commit
 *   url, git.remote and ref once they are pinned: the content or the commit stands for them
 *   mount.isRequired, device.isRequired
 *                           decides between an error and a result, never between two results
 *   secret and ssh contents secrets must not leave a trace, so a changed secret is no reason to rerun
 */
export function opParts(op: Op): KeyParts {
  switch (op.kind) {
    case 'source':
      return { kind: 'source', ...sourceParts(op.source), ...platformPart(op.platform) };
    case 'exec':
      return execParts(op);
    case 'file':
      return fileParts(op);
    case 'merge':
      return { kind: 'merge', inputs: String(op.inputs.length) };
    case 'diff':
      return { kind: 'diff' };
    default:
      return op satisfies never;
  }
}

function platformPart(platform: ExecOp['platform'] | undefined): KeyParts {
  return platform === undefined ? {} : { platform: formatPlatform(platform) };
}

function sourceParts(source: Source): KeyParts {
  switch (source.type) {
    case 'image':
    case 'oci-layout':
      // The name is left out: the same manifest under another tag is the same image.
      return { source: 'image', manifest: source.manifestDigest };
    case 'local':
      return { source: 'local', name: source.name };
    case 'http':
      if (source.pin !== undefined) return urlParts(source.pin);
      return {
        source: 'http',
        url: source.url,
        checksum: source.checksum ?? '',
        filename: source.filename ?? '',
      };
    case 'git':
      return {
        source: 'git',
        ...gitParts(source),
        subdir: source.subdir ?? '',
        'keep git dir': String(source.keepsGitDir),
        submodules: String(source.skipsSubmodules !== true),
        'commit time': String(source.usesCommitTime === true),
      };
    default:
      return source satisfies never;
  }
}

/** The same file is the same result, wherever it lies. */
function urlParts({ digest, filename, mtime }: UrlPin): KeyParts {
  return { source: 'http', content: digest, filename, 'last modified': String(mtime ?? '') };
}

/** The same commit is the same result; only `.git` tells where it came from. */
function gitParts(source: Extract<Source, { readonly type: 'git' }>): KeyParts {
  const { remote, ref, checksum, pin, keepsGitDir } = source;
  if (pin === undefined) return { remote, ref: ref ?? '', checksum: checksum ?? '' };
  if (!keepsGitDir) return { commit: pin.commit };
  return { commit: pin.commit, remote, 'ref name': pin.refName ?? '' };
}

function execParts(op: ExecOp): KeyParts {
  return {
    kind: 'exec',
    command: canonicalJson(op.args),
    // One part each, so that a miss names the variable. The order is part of the result.
    'environment order': op.env.map((entry) => entry.split('=', 1)[0]).join(' '),
    ...Object.fromEntries(op.env.map((entry) => [`env ${nameOf(entry)}`, valueOf(entry)])),
    'working directory': op.cwd,
    user: op.user,
    network: op.network,
    security: op.security,
    ...(op.extraHosts === undefined || op.extraHosts.length === 0
      ? {}
      : { hosts: op.extraHosts.map(({ host }) => host).join(' ') }),
    ...platformPart(op.platform),
    ...Object.fromEntries((op.devices ?? []).map(({ name }, i) => [`device ${i + 1}`, name])),
    ...Object.fromEntries(op.mounts.map((mount, i) => [`mount ${i + 1}`, mountText(mount)])),
  };
}

function mountText(mount: Mount): string {
  switch (mount.type) {
    case 'bind':
      return canonicalJson({ ...mount, from: null });
    case 'cache':
      return canonicalJson({ ...mount, from: null });
    case 'tmpfs':
      return canonicalJson(mount);
    case 'secret':
    case 'ssh':
      return canonicalJson({ ...mount, isRequired: false });
    default:
      return mount satisfies never;
  }
}

function fileParts(op: FileOp): KeyParts {
  return {
    kind: 'file',
    ...Object.fromEntries(
      op.actions.map((action, i) => [
        `${action.action}${op.actions.length > 1 ? ` ${i + 1}` : ''}`,
        canonicalJson(actionJson(action)),
      ]),
    ),
  };
}

function actionJson(action: FileAction): Json {
  switch (action.action) {
    case 'copy':
      return copyJson(action);
    case 'mkdir':
    case 'mkfile':
    case 'symlink':
      return { ...action, owner: ownerJson(action.owner) };
    case 'rm':
      return { ...action };
    default:
      return action satisfies never;
  }
}

function copyJson(action: CopyAction): Json {
  // `from` is an index in this graph; what it stands for comes in as a part of its own.
  return { ...action, from: null, owner: ownerJson(action.owner) };
}

function ownerJson(owner: Owner | undefined): Json {
  return owner === undefined ? null : { user: owner.user, group: owner.group };
}

function nameOf(entry: string): string {
  const at = entry.indexOf('=');
  return at === -1 ? entry : entry.slice(0, at);
}

function valueOf(entry: string): string {
  const at = entry.indexOf('=');
  return at === -1 ? '' : entry.slice(at + 1);
}
