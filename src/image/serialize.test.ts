import { describe, expect, test } from 'vitest';
import { parseDiffId } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import type { ImageConfig } from './config.ts';
import { MEDIA_TYPE } from './manifest.ts';
import { parseConfig } from './parse-config.ts';
import { parseManifest } from './parse-manifest.ts';
import { serializeConfig, serializeIndex, serializeManifest } from './serialize.ts';

const digest = digestOf('x');
const diffId = parseDiffId(digest) ?? expect.fail();

const FULL: ImageConfig = {
  os: 'linux',
  architecture: 'arm',
  variant: 'v7',
  author: 'somebody',
  created: '2024-01-01T00:00:00Z',
  rootfs: { type: 'layers', diff_ids: [diffId] },
  history: [
    { created_by: 'RUN x', comment: 'c', created: '2024-01-01T00:00:00Z', empty_layer: true },
  ],
  config: {
    Shell: ['/bin/sh', '-c'],
    Labels: { b: '2', a: '1', ['__proto__']: 'kept' },
    Env: ['B=2', 'A=1'],
    ExposedPorts: { '80/tcp': {}, '443/tcp': {} },
    Healthcheck: { Retries: 2, Interval: 5_000_000_000, Test: ['NONE'] },
    StopSignal: undefined,
  },
};

describe('serializeConfig()', () => {
  test('writes fields in the order of Docker, maps sorted and lists as they are', () => {
    expect(serializeConfig(FULL).toString()).toBe(
      '{"architecture":"arm","author":"somebody","config":{"ExposedPorts":{"443/tcp":{},"80/tcp":{}},' +
        '"Env":["B=2","A=1"],"Labels":{"__proto__":"kept","a":"1","b":"2"},' +
        '"Healthcheck":{"Test":["NONE"],"Interval":5000000000,"Retries":2},"Shell":["/bin/sh","-c"]},' +
        '"created":"2024-01-01T00:00:00Z","history":[{"created":"2024-01-01T00:00:00Z","created_by":"RUN x",' +
        `"comment":"c","empty_layer":true}],"os":"linux","rootfs":{"type":"layers","diff_ids":["${diffId}"]},"variant":"v7"}`,
    );
  });

  test('is read back the same, and written again to the same bytes', () => {
    const bytes = serializeConfig(FULL);
    expect(serializeConfig(parseConfig(bytes, 1, 'it'))).toEqual(bytes);
  });
});

describe('serializeManifest() and serializeIndex()', () => {
  const layer = { size: 1, digest, mediaType: MEDIA_TYPE.ociLayerGzip };

  test('a manifest is read back the same', () => {
    const manifest = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: { mediaType: MEDIA_TYPE.ociConfig, digest, size: 3 },
      layers: [layer],
      annotations: { a: 'b' },
    } as const;
    const parsed = parseManifest(serializeManifest(manifest), undefined, 'it');
    expect(parsed).toEqual({ kind: 'image', mediaType: MEDIA_TYPE.ociManifest, manifest });
  });

  test('an index is read back the same, with its platforms', () => {
    const platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
    const index = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: [{ mediaType: MEDIA_TYPE.ociManifest, digest, size: 2, platform }],
    } as const;
    const parsed = parseManifest(serializeIndex(index), undefined, 'it');
    expect(parsed).toEqual({ kind: 'index', mediaType: MEDIA_TYPE.ociIndex, index });
  });
});
