import { copyAction } from '../ops/copy-action.ts';
import type { CopyAction, ExecOp, FileOp, OpId, SourceOp } from '../ops/op.ts';

/** The build context. */
export const CONTEXT_OP: SourceOp = {
  kind: 'source',
  source: { type: 'local', name: 'context' },
  platform: undefined,
};

/** `RUN ["true"]` on nothing, but for what is said. */
export function execOp(changes: Partial<ExecOp> = {}): ExecOp {
  return {
    kind: 'exec',
    root: undefined,
    args: ['true'],
    env: [],
    proxyEnv: [],
    cwd: '/',
    user: '',
    mounts: [],
    network: 'default',
    security: 'sandbox',
    platform: { os: 'linux', architecture: 'amd64' },
    ...changes,
  };
}

/** `COPY source destination`, with the options that a Dockerfile gives it. */
export function userCopy(
  from: number,
  source: string,
  destination: string,
  changes: Partial<CopyAction> = {},
): CopyAction {
  return copyAction(from as OpId, source, destination, {
    followsSymlink: true,
    copiesDirContents: true,
    allowsWildcard: true,
    allowsEmptyWildcard: true,
    ...changes,
  });
}

/** `COPY --from=… source /` onto `base`. */
export function copyOp(from: number, source: string, base?: number): FileOp {
  return { kind: 'file', base: base as OpId | undefined, actions: [userCopy(from, source, '/')] };
}
