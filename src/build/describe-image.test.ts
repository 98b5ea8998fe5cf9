import { expect, test } from 'vitest';
import type { DiffId } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { describeImage } from './describe-image.ts';

test('describeImage() says what Docker says, under the same names', () => {
  const id = digestOf(Buffer.from('config'));
  const diffId = digestOf(Buffer.from('layer')) as string as DiffId;
  const manifestDigest = digestOf(Buffer.from('manifest'));
  const layers = [{ diffId, size: 42, snapshot: undefined, blob: undefined }];
  const image = { id, layers, manifestDigest, storedAt: '2024-01-01T00:00:00Z' };
  const references = ['docker.io/library/app:1', 'docker.io/library/app:2', 'ghcr.io/a/b:3'];
  const config = {
    architecture: 'arm64',
    variant: 'v8',
    os: 'linux',
    created: '2023-01-01T00:00:00Z',
    config: { Env: ['A=1'] },
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ comment: 'made' }],
  } as const;
  expect(describeImage({ image, references }, config, ({ size }) => size)).toEqual({
    Id: id,
    Parent: '',
    DockerVersion: '',
    RepoTags: ['app:1', 'app:2', 'ghcr.io/a/b:3'],
    RepoDigests: [`app@${manifestDigest}`, `ghcr.io/a/b@${manifestDigest}`],
    Comment: 'made',
    Created: '2023-01-01T00:00:00Z',
    Author: '',
    Config: { Env: ['A=1'] },
    Architecture: 'arm64',
    Variant: 'v8',
    Os: 'linux',
    Size: 42,
    RootFS: { Type: 'layers', Layers: [diffId] },
    Metadata: { LastTagTime: '2024-01-01T00:00:00Z' },
  });
});
