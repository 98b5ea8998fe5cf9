import { expect, test } from 'vitest';
import type { CacheKey } from '../cache/cache-key.ts';
import type { CacheRecord } from '../cache/cache-store.ts';
import { parseDiffId, type DiffId } from '../core/digest.ts';
import { chainIdOf, digestOf } from '../core/sha256.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import type { BaseImage } from '../image/base-image.ts';
import { MEDIA_TYPE, type Descriptor } from '../image/manifest.ts';
import { parseReference } from '../image/reference.ts';
import type { TargetImage } from '../ops/op-graph.ts';
import type { FileOp, OpId, SourceOp } from '../ops/op.ts';
import { registryFailed } from '../registry/errors.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { RemoteBlob } from './claim-blobs.ts';
import type { ImportedLayer } from './import-caches.ts';
import { leaveLayers, type LeaveDeps } from './leave-layers.ts';

const { signal } = new AbortController();
const platform = { os: 'linux', architecture: 'amd64' };
const id = (index: number): OpId => index as OpId;
const base: BaseImage = {
  name: 'r.io/base:1',
  manifestDigest: digestOf('manifest'),
  configDigest: digestOf('config'),
  config: {
    ...platform,
    config: {},
    rootfs: { type: 'layers', diff_ids: [diffId('lowest'), diffId('lower')] },
    history: [],
  },
  layers: ['lowest', 'lower'].map((text) => ({
    mediaType: MEDIA_TYPE.ociLayerGzip,
    digest: digestOf(`${text} blob`),
    size: text.length,
  })),
};
const source: SourceOp = {
  kind: 'source',
  source: { type: 'image', name: base.name, manifestDigest: base.manifestDigest },
  platform,
};
const file: FileOp = { kind: 'file', base: id(0), actions: [] };
const target: TargetImage = {
  platform,
  root: id(1),
  config: base.config,
  layers: [id(1)],
  baseHistory: 0,
  base: id(0),
};
const record: CacheRecord = {
  key: 'k' as CacheKey,
  resultKey: 'r' as CacheKey,
  parts: {},
  slot: '',
  createdAt: '2026-01-01T00:00:00Z',
  durationMs: 0,
  bytes: 0,
  snapshot: 'imported',
  isRemote: true,
};

function diffId(text: string): DiffId {
  const parsed = parseDiffId(digestOf(text));
  if (parsed === undefined) throw new TypeError('A digest has the form of a diff id');
  return parsed;
}

function imported(of: DiffId, blob: Descriptor, repository?: string): ImportedLayer {
  const open = (): never => {
    throw new TypeError('Nothing is fetched');
  };
  return {
    diffId: of,
    blob,
    parent: undefined,
    isBase: repository === undefined,
    repository,
    open,
  };
}

const baseStack = base.layers.map((blob, index) =>
  imported(base.config.rootfs.diff_ids[index] ?? diffId('none'), blob),
);
const ownBlob = { mediaType: MEDIA_TYPE.ociLayerZstd, digest: digestOf('own blob'), size: 5 };
const own = imported(diffId('own'), ownBlob, 'r.io/cache');

interface Case {
  readonly layers?: readonly ImportedLayer[];
  readonly record?: CacheRecord | undefined;
  readonly target?: TargetImage;
  readonly image?: BaseImage;
  readonly isFetchable?: boolean;
  readonly epoch?: number;
  readonly here?: LeaveDeps['store'];
  readonly claim?: LeaveDeps['claim'];
}

const nothingHere: LeaveDeps['store'] = {
  layers: { snapshotOf: () => undefined },
  snapshots: { get: () => undefined },
};

/** What was decided for the digests of the layers, and which blobs the registry was asked for. */
async function leave(given: Case): Promise<{
  readonly left: readonly string[] | undefined;
  readonly asked: readonly RemoteBlob[];
}> {
  const asked: RemoteBlob[] = [];
  const all = given.layers ?? [...baseStack, own];
  const its = given.target ?? target;
  const layers = await leaveLayers(
    its.root ?? id(0),
    'record' in given ? given.record : record,
    { references: [parseReference('r.io/app:1')], isInsecure: false },
    {
      graph: { ops: [source, file], targets: [its] },
      bases: {
        ofOp: () => given.image ?? base,
        isFetchable: () => given.isFetchable ?? true,
      },
      imports: { layersOf: () => all },
      store: given.here ?? nothingHere,
      epoch: given.epoch,
      claim: (blobs, ...rest) => {
        asked.push(...blobs);
        const everything = new Set(blobs.map(({ descriptor }) => descriptor.digest));
        return given.claim?.(blobs, ...rest) ?? Promise.resolve(everything);
      },
    },
    signal,
  );
  return { left: layers?.map(({ descriptor }) => descriptor.digest), asked };
}

test('all layers stay when the registry has them, and each is looked for where it is', async () => {
  const { left, asked } = await leave({});
  expect(left).toEqual([...base.layers.map(({ digest }) => digest), ownBlob.digest]);
  expect(asked.map(({ repositories }) => repositories)).toEqual([
    ...base.layers.map(() => ['r.io/base']),
    ['r.io/cache'],
  ]);
});

test('a base layer is looked for in an image that carries its own cache, too', async () => {
  const layers = base.layers.map((blob, index) =>
    imported(base.config.rootfs.diff_ids[index] ?? diffId('none'), blob, 'r.io/former'),
  );
  const { asked } = await leave({ layers: [...layers, own] });
  expect(asked[0]?.repositories).toEqual(['r.io/base', 'r.io/former']);
});

test('those of a base image stay when no step adds one, with SOURCE_DATE_EPOCH as well', async () => {
  const plain = { ...target, root: id(0), layers: [] };
  const { left } = await leave({ record: undefined, target: plain, epoch: 5 });
  expect(left).toEqual(base.layers.map(({ digest }) => digest));
});

const foreign = { ...ownBlob, mediaType: 'application/vnd.example.layer' };
const refused: readonly (readonly [string, Case])[] = [
  ['times in them are changed', { epoch: 5 }],
  ['the base image is in the local store only', { isFetchable: false }],
  ['they stand on another base image', { layers: [own, ...baseStack.slice(1), own] }],
  ['the cache has too few of them', { layers: baseStack }],
  ['the cache has too many of them', { layers: [...baseStack, own, own] }],
  [
    'one has a form that is not known',
    { layers: [...baseStack, imported(diffId('own'), foreign, 'r.io/cache')] },
  ],
  ['there is none', { target: { ...target, base: undefined, layers: [] }, layers: [] }],
];
test.each(refused)('nothing is asked when %s', async (_, given) => {
  expect(await leave(given)).toEqual({ left: undefined, asked: [] });
});

test('nothing is asked when the files are here', async () => {
  let chain = chainIdOf(undefined, baseStack[0]?.diffId ?? diffId('none'));
  for (const layer of [...baseStack.slice(1), own]) chain = chainIdOf(chain, layer.diffId);
  const top = 'top' as SnapshotId;
  const snapshot = { id: top, parent: undefined, dir: '', bytes: 0, entries: 0, isEmpty: true };
  const here: LeaveDeps['store'] = {
    layers: { snapshotOf: (asked) => (asked === chain ? top : undefined) },
    snapshots: { get: () => snapshot },
  };
  expect(await leave({ here })).toEqual({ left: undefined, asked: [] });
});

test('layers come here when the registry lacks one, or cannot be asked', async () => {
  const claim: LeaveDeps['claim'] = (blobs) =>
    Promise.resolve(new Set(blobs.slice(1).map(({ descriptor }) => descriptor.digest)));
  expect((await leave({ claim })).left).toBeUndefined();
  const fails: LeaveDeps['claim'] = () => Promise.reject(registryFailed('r.io', 'push', 'no'));
  expect((await leave({ claim: fails })).left).toBeUndefined();
});

test('what is no fault of the registry is thrown', async () => {
  const claim: LeaveDeps['claim'] = () => Promise.reject(new RangeError('a mistake'));
  const thrown = leave({ claim });
  await expect(thrown).rejects.toThrow('a mistake');
  await expect(thrown).rejects.not.toBeInstanceOf(BuildError);
});
