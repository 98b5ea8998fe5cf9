import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../core/sha256.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { MEDIA_TYPE } from './manifest.ts';
import { parseConfig } from './parse-config.ts';
import { parseManifest } from './parse-manifest.ts';
import { parseStrictJson } from './strict-json.ts';

const DIGEST = digestOf('x');
const DESCRIPTOR = { mediaType: MEDIA_TYPE.ociLayerGzip, digest: DIGEST, size: 1 };
const CONFIG = { mediaType: MEDIA_TYPE.ociConfig, digest: DIGEST, size: 1 };
const MANIFEST = { schemaVersion: 2, config: CONFIG, layers: [DESCRIPTOR] };

function parse(document: unknown, promised?: string): ReturnType<typeof parseManifest> {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  return parseManifest(Buffer.from(text), promised, 'the manifest');
}

function layers(change: object): unknown {
  return { ...MANIFEST, layers: [{ ...DESCRIPTOR, ...change }] };
}

/** What is wrong, the document, and the message it gets. */
const REFUSED: readonly (readonly [string, unknown, string, string?])[] = [
  ['G08 both kinds', { ...MANIFEST, manifests: [] }, '"layers" does not belong into'],
  ['G08 duplicate keys', '{"schemaVersion":2,"layers":[],"layers":[]}', 'stands there twice'],
  [
    'another type than promised',
    { ...MANIFEST, mediaType: MEDIA_TYPE.dockerManifest },
    'promised',
    MEDIA_TYPE.ociManifest,
  ],
  ['schema 1', { schemaVersion: 1, fsLayers: [] }, 'obsolete manifest schema 1'],
  ['G06 a path as digest', layers({ digest: 'sha256:../../../etc' }), 'must be "sha256:"'],
  ['G06 upper-case digest', layers({ digest: DIGEST.toUpperCase() }), 'must be "sha256:"'],
  ['G06 63 digits', layers({ digest: DIGEST.slice(0, -1) }), 'must be "sha256:"'],
  ['G06 no digits', layers({ digest: 'sha256:' }), 'must be "sha256:"'],
  ['G06 md5', layers({ digest: `md5:${'0'.repeat(32)}` }), 'must be "sha256:"'],
  ['G06 newline in digest', layers({ digest: `${DIGEST}\n` }), 'must be "sha256:"'],
  ['G06 NUL in digest', layers({ digest: `${DIGEST}\0` }), 'must be "sha256:"'],
  ['G10 size 2^62', `{"schemaVersion":2,"x":${String(2 ** 62)}}`, 'is too large'],
  ['G10 negative size', layers({ size: -1 }), 'number of bytes'],
  ['a strange layer', layers({ mediaType: 'text/html' }), 'layer of the type "text/html"'],
  [
    'no container image',
    { ...MANIFEST, config: { ...CONFIG, mediaType: 'x/y' } },
    'not a container image',
  ],
  [
    '1001 children',
    { schemaVersion: 2, manifests: Array(1001).fill(DESCRIPTOR) },
    'more than 1000',
  ],
  ['G10 1001 layers', { ...MANIFEST, layers: Array(1001).fill(DESCRIPTOR) }, 'more than 1000'],
  ['G10 deep nesting', '['.repeat(100_000), 'nested deeper'],
  ['a list', [], 'is not an object'],
  ['nothing', '', 'is not JSON'],
];

describe('parseManifest()', () => {
  const cases = REFUSED.map(([title, document, message, promised]) => ({
    title,
    document,
    message,
    promised,
  }));
  test.each(cases)('refuses $title', ({ document, message, promised }) => {
    expect(() => parse(document, promised)).toThrow(message);
    expect(() => parse(document, promised)).toThrow(BuildError);
  });

  test('refuses more than 4 MiB', () => {
    expect(() => parse(' '.repeat(4 * 1024 * 1024 + 1))).toThrow('larger than');
  });

  test('G01 drops urls of layers, which would lead elsewhere', () => {
    const parsed = parse(layers({ urls: ['https://elsewhere.example/'] }));
    expect(parsed).toMatchObject({ kind: 'image', manifest: { layers: [DESCRIPTOR] } });
    expect(JSON.stringify(parsed)).not.toContain('elsewhere');
  });
});

describe('parseConfig()', () => {
  const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } };

  test('takes null for missing, as Go writes', () => {
    const bytes = Buffer.from(JSON.stringify({ ...config, history: null, config: { Cmd: null } }));
    expect(parseConfig(bytes, 0, 'it')).toEqual({ ...config, history: [], config: {} });
  });

  test('G12 refuses another number of diff ids than the manifest has layers', () => {
    const bytes = Buffer.from(JSON.stringify(config));
    expect(() => parseConfig(bytes, 1, 'it')).toThrow(
      'Cannot read it: rootfs.diff_ids: it has 0 entries and the manifest has 1 layers',
    );
  });
});

describe('parseStrictJson()', () => {
  test('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        // Whole numbers that would be rounded are refused on purpose.
        fc.pre(!/\d{16}|\de\+/.test(text));
        expect(JSON.stringify(parseStrictJson(Buffer.from(text), 'it'))).toBe(text);
      }),
    );
  });

  test('takes nothing that JSON.parse refuses, and fails only with BuildError', () => {
    const json = fc.jsonValue().map((value) => JSON.stringify(value));
    const mutated = fc.tuple(json, fc.nat(), fc.string({ maxLength: 3 })).map(([text, at, put]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + put + text.slice(place + 1);
    });
    fc.assert(
      fc.property(mutated, (text) => {
        let value: unknown;
        try {
          value = parseStrictJson(Buffer.from(text), 'it');
        } catch (error) {
          expect(error).toBeInstanceOf(BuildError);
          return;
        }
        expect(JSON.stringify(value)).toBe(
          JSON.stringify(JSON.parse(Buffer.from(text).toString())),
        );
      }),
      { numRuns: 2000 },
    );
  });
});
