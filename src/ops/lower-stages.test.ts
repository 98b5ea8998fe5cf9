import { describe, expect, test } from 'vitest';
import { BuildError } from '../diagnostics/build-error.ts';
import type { PlanRequest } from '../stages/plan-request.ts';
import {
  dockerfile,
  planRequest,
  planWithBases,
  type BaseImageTable,
} from '../testing/base-images.ts';
import { lowerStages } from './lower-stages.ts';
import type { OpGraph, TargetImage } from './op-graph.ts';
import type { Op } from './op.ts';

const NOW = '2026-01-02T03:04:05.678Z';

function lower(
  lines: readonly string[],
  changes: Partial<PlanRequest> = {},
  bases: BaseImageTable = {},
): OpGraph {
  const { plan, images } = planWithBases(dockerfile(...lines), planRequest(changes), bases);
  return lowerStages(plan, images, { now: NOW });
}

function target(graph: OpGraph): TargetImage {
  const [first] = graph.targets;
  if (first === undefined) throw new Error('The graph has no target');
  return first;
}

function lastOp(graph: OpGraph): Op | undefined {
  const { root } = target(graph);
  return root === undefined ? undefined : graph.ops[root];
}

describe('lowerStages() refuses', () => {
  const sha = `sha256:${'ab'.repeat(32)}`;
  test.each<[string, string, readonly string[]]>([
    [
      'a mode that is too high',
      'COPY --chmod=10000 a /',
      [
        'CHMOD_INVALID',
        `Cannot set mode "10000": invalid chmod parameter: '10000'. it should be octal string and between 0 and 07777`,
        'Write for example --chmod=755 or --chmod=u=rwX,go=rX',
      ],
    ],
    [
      'a mode with a digit that is not octal',
      'COPY --chmod=789 a /',
      [
        'CHMOD_INVALID',
        `Cannot set mode "789": invalid chmod parameter: '789'. it should be octal string and between 0 and 07777`,
        'Write for example --chmod=755 or --chmod=u=rwX,go=rX',
      ],
    ],
    [
      'a name that --link cannot look up',
      'COPY --link --chown=1:staff a /',
      [
        'LINKED_OWNER_NAME',
        `Cannot give files to "1:staff": user and group names can't be resolved when used with --link, use numeric uid[:gid] instead`,
        'Give numbers, for example --chown=1000:1000, or leave out --link',
      ],
    ],
    [
      'COPY of a URL',
      'COPY https://example.com/a /a',
      [
        'SOURCE_NOT_LOCAL',
        `Cannot copy "https://example.com/a": source can't be a URL for COPY`,
        'Use ADD',
      ],
    ],
    [
      'COPY of a repository',
      'COPY git@example.com:a/b /a',
      [
        'SOURCE_NOT_LOCAL',
        `Cannot copy "git@example.com:a/b": source can't be a git ref for COPY`,
        'Use ADD',
      ],
    ],
    [
      'a checksum of several sources',
      `ADD --checksum=${sha} https://h/a https://h/b /`,
      [
        'CHECKSUM_INVALID',
        `Cannot check "${sha}": checksum can't be specified for multiple sources`,
        '',
      ],
    ],
    [
      'a checksum of a local file',
      `ADD --checksum=${sha} a /`,
      ['CHECKSUM_INVALID', `Cannot check "${sha}": checksum requires HTTP(S) or Git sources`, ''],
    ],
    [
      'a checksum of another form',
      'ADD --checksum=md5:1 https://h/a /',
      ['CHECKSUM_INVALID', 'Cannot check "md5:1": it is not "sha256:" and 64 hex digits', ''],
    ],
    [
      'two checksums of one repository',
      'ADD --checksum=abc https://h/a.git?commit=def /',
      ['CHECKSUM_INVALID', 'Cannot check "abc": checksum mismatch "abc" != "def"', ''],
    ],
    [
      'two wishes for .git',
      'ADD --keep-git-dir https://h/a.git?keep-git-dir=false /',
      [
        'KEEP_GIT_DIR_CONFLICT',
        'Cannot add "https://h/a.git?keep-git-dir=false": inconsistent keep-git-dir configuration',
        'Give it in the URL or as a flag',
      ],
    ],
    [
      'a mount over everything',
      'RUN --mount=target=. true',
      [
        'MOUNT_TARGET_INVALID',
        'Cannot mount at ".": invalid mount target "/"',
        'Choose a directory below /',
      ],
    ],
    [
      'a mount without target in the root',
      'RUN --mount=type=cache true',
      [
        'MOUNT_TARGET_INVALID',
        'Cannot mount at "": invalid mount target "/"',
        'Choose a directory below /',
      ],
    ],
    [
      'a secret without any name',
      'RUN --mount=type=secret,target=. true',
      [
        'SECRET_UNNAMED',
        'Cannot mount a secret: one of source, target required',
        'Name the secret with id=',
      ],
    ],
    [
      'an agent with a source',
      'RUN --mount=type=ssh,source=x true',
      [
        'SSH_SOURCE_INVALID',
        'Cannot mount an ssh agent: ssh does not support source',
        'Name the agent with id=',
      ],
    ],
    [
      'a signal that Linux does not have',
      'STOPSIGNAL SIGQUITT',
      [
        'SIGNAL_INVALID',
        'Cannot stop with signal "SIGQUITT": Invalid signal: SIGQUITT',
        'Did you mean "SIGQUIT"?',
      ],
    ],
    [
      'signal 0',
      'STOPSIGNAL 0',
      ['SIGNAL_INVALID', 'Cannot stop with signal "0": Invalid signal: 0', ''],
    ],
    [
      'a volume that expands to nothing',
      'VOLUME $UNSET',
      ['VOLUME_EMPTY', 'Cannot declare a volume: VOLUME specified can not be an empty string', ''],
    ],
    [
      'a port that is none',
      'EXPOSE http',
      ['PORT_INVALID', 'Cannot expose "http": invalid containerPort: http', ''],
    ],
  ])('%s', (_what, line, expected) => {
    let error: unknown;
    try {
      lower(['FROM scratch', line]);
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof BuildError)) throw new Error(`No BuildError, but ${String(error)}`);
    expect([error.code, error.message, error.hint ?? '']).toEqual(expected);
    expect(error.span).toBeDefined();
  });

  test.each(['755', '0755', '7777', 'u=rwX,go=rX', '+x', 'a-w', 'g=u'])('not mode %s', (mode) => {
    expect(() => lower(['FROM scratch', `COPY --chmod=${mode} a /`])).not.toThrow();
  });

  test.each(['SIGTERM', 'term', '9', 'SIGRTMIN+3', 'RTMAX-14'])('not signal %s', (signal) => {
    expect(target(lower(['FROM scratch', `STOPSIGNAL ${signal}`])).config.config.StopSignal).toBe(
      signal,
    );
  });
});

describe('config', () => {
  test('of scratch is what BuildKit writes', () => {
    const graph = lower(['FROM scratch']);
    expect(graph.ops).toEqual([]);
    expect(target(graph)).toEqual({
      platform: { os: 'linux', architecture: 'amd64' },
      root: undefined,
      base: undefined,
      baseHistory: 0,
      layers: [],
      config: {
        architecture: 'amd64',
        os: 'linux',
        created: NOW,
        config: {
          Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
          WorkingDir: '/',
        },
        rootfs: { type: 'layers', diff_ids: [] },
        history: [],
      },
    });
  });

  test('of a base image without layers begins with an empty file system', () => {
    const bases = { 'docker.io/library/meta:latest': { layers: 0, config: { User: 'u' } } };
    const image = target(lower(['FROM meta'], {}, bases));
    expect([image.root, image.base, image.config.config.User]).toEqual([undefined, undefined, 'u']);
  });

  test.each<[string, readonly string[], readonly string[] | undefined]>([
    ['ENTRYPOINT clears the Cmd of the base', ['FROM a', 'ENTRYPOINT ["e"]'], undefined],
    ['ENTRYPOINT keeps a CMD above it', ['FROM a', 'CMD ["c"]', 'ENTRYPOINT ["e"]'], ['c']],
    ['CMD after ENTRYPOINT is kept', ['FROM a', 'ENTRYPOINT ["e"]', 'CMD ["c"]'], ['c']],
    [
      'ENTRYPOINT clears the CMD of a stage below',
      ['FROM a AS s', 'CMD ["c"]', 'FROM s', 'ENTRYPOINT ["e"]'],
      undefined,
    ],
    ['an empty CMD is left out', ['FROM a', 'CMD []'], undefined],
  ])('%s', (_claim, lines, expected) => {
    expect(target(lower(lines)).config.config.Cmd).toEqual(expected);
  });

  test('triggers of a base do not reach the image, those of the Dockerfile do', () => {
    const bases = { 'docker.io/library/a:latest': { config: { OnBuild: ['ENV X=1'] } } };
    expect(target(lower(['FROM a'], {}, bases)).config.config.OnBuild).toBeUndefined();
    expect(target(lower(['FROM a', 'ONBUILD RUN x'], {}, bases)).config.config.OnBuild).toEqual([
      'RUN x',
    ]);
  });

  test('labels of the request come last', () => {
    const labels = new Map([['a', 'request']]);
    const graph = lower(['FROM scratch', 'LABEL a=file b=file'], { labels });
    expect(target(graph).config.config.Labels).toEqual({ a: 'request', b: 'file' });
  });

  test.each(['__proto__', 'constructor', '1'])('a label may be called %s', (name) => {
    const { Labels } = target(lower(['FROM scratch', `LABEL ${name}=x`])).config.config;
    expect(Object.entries(Labels ?? {})).toEqual([[name, 'x']]);
  });

  test('the asked-for platform goes before that of the base', () => {
    const bases = {
      'docker.io/library/a:latest': {
        platform: { os: 'linux', architecture: 'arm', variant: 'v6' },
      },
    };
    const asked = target(lower(['FROM a'], {}, bases)).config;
    expect([asked.architecture, asked.variant]).toEqual(['amd64', undefined]);
    const implicit = target(lower(['FROM a'], { targetPlatforms: [] }, bases)).config;
    expect([implicit.architecture, implicit.variant]).toEqual(['arm', 'v6']);
  });
});

describe('times', () => {
  test('are the epoch when there is one, apart from those of the base', () => {
    const { config } = target(lower(['FROM a', 'USER u'], { sourceDateEpoch: 1_700_000_000 }));
    expect(config.created).toBe('2023-11-14T22:13:20Z');
    expect(config.history.map(({ created }) => created)).toEqual([
      '2025-05-05T05:05:05Z',
      '2025-05-05T05:05:05Z',
      '2023-11-14T22:13:20Z',
    ]);
  });

  test('make no difference to the ops', () => {
    const { plan, images } = planWithBases(dockerfile('FROM a', 'RUN b'), planRequest());
    expect(lowerStages(plan, images, { now: '1999-01-01T00:00:00Z' }).ops).toEqual(
      lowerStages(plan, images, { now: NOW }).ops,
    );
  });
});

describe('ops', () => {
  test.each([
    ['WORKDIR /', 0],
    ['WORKDIR .', 0],
    ['WORKDIR /tmp/..', 1],
    ['WORKDIR //', 1],
  ])('%s of an empty stage are %i', (line, count) => {
    expect(lower(['FROM scratch', line]).ops).toHaveLength(count);
  });

  test('that are equal are one, and one that ignores the cache does so for all', () => {
    const lines = [
      'FROM a AS x',
      'RUN same',
      'FROM a AS y',
      'RUN same',
      'FROM scratch',
      'COPY --from=x / /',
      'COPY --from=y / /y',
    ];
    const graph = lower(lines, { noCache: ['Y'] });
    const runs = graph.ops.flatMap((op, i) => (op.kind === 'exec' ? [graph.metadata[i]] : []));
    expect(runs.map((about) => [about?.stage, about?.ignoresCache])).toEqual([['x', true]]);
  });

  test('of RUN get what the command line gives for all of them', () => {
    const graph = lower(['FROM a', 'RUN --network=host x'], {
      network: 'none',
      shmBytes: 1024,
      extraHosts: [{ host: 'h', address: '10.0.0.1' }],
      cacheMountNamespace: 'ns',
    });
    expect(lastOp(graph)).toMatchObject({
      kind: 'exec',
      network: 'host',
      mounts: [{ type: 'tmpfs', target: '/dev/shm', sizeBytes: 1024 }],
      extraHosts: [{ host: 'h', address: '10.0.0.1' }],
    });
    expect(lastOp(lower(['FROM a', 'RUN x'], { network: 'none' }))).toMatchObject({
      network: 'none',
    });
  });

  test('copy from an empty file system through a file op without actions', () => {
    const graph = lower(['FROM scratch AS e', 'FROM a', 'COPY --from=e / /x']);
    expect(graph.ops.filter((op) => op.kind === 'file')[0]).toEqual({
      kind: 'file',
      base: undefined,
      actions: [],
    });
  });

  test('of a stage on a local context begin with a copy of it, which is its first layer', () => {
    const namedContexts = new Map([['src', { type: 'local', path: 'dir' } as const]]);
    const graph = lower(['FROM src', 'RUN x'], { namedContexts });
    expect(graph.ops.map(({ kind }) => kind)).toEqual(['source', 'file', 'exec']);
    expect(target(graph)).toMatchObject({ base: undefined, baseHistory: 0, layers: [1, 2] });
    expect(target(graph).config.history.map((entry) => entry.created_by)).toEqual([
      '[context src] load from client',
      'RUN /bin/sh -c x # buildkit',
    ]);
  });

  test('of heredocs keep the body in the root, whatever the delimiter looks like', () => {
    const graph = lower(['FROM a', 'COPY <<../x/y <<.. /d/', 'one', '../x/y', 'two', '..']);
    const paths = graph.ops.flatMap((op) =>
      op.kind === 'file' ? op.actions.flatMap((a) => (a.action === 'mkfile' ? [a.path] : [])) : [],
    );
    expect(paths).toEqual(['/y', '/__unnamed__']);
  });

  test('of --link on an empty file system need no merge', () => {
    expect(lastOp(lower(['FROM scratch', 'COPY --link a /']))?.kind).toBe('file');
  });
});
