import { describe, expect, test } from 'vitest';
import { errorOf } from '../testing/build-errors.ts';
import { addAnnotations, annotationsOn, checkAnnotations } from './annotations.ts';
import { DEFAULT_ENCODING, type Annotation, type Output } from './output.ts';

const oci: Output = { type: 'oci', dest: 'a', names: [], isTar: true, ...DEFAULT_ENCODING };
const local: Output = { type: 'local', dest: 'a', isSplit: undefined };

function notesOf(text: string): readonly Annotation[] {
  const [output] = addAnnotations([oci, local], [text]);
  return output !== undefined && 'annotations' in output ? output.annotations : [];
}

describe('addAnnotations()', () => {
  const note = { on: 'manifest', platform: undefined, key: 'a', value: 'b' };
  test.each([
    ['a=b', [note]],
    ['a=', [{ ...note, value: '' }]],
    ['a=b=c:d', [{ ...note, value: 'b=c:d' }]],
    ['some:a=b', [{ ...note, key: 'some:a' }]],
    ['manifest:a=b', [note]],
    [
      'index,manifest[linux/arm64]:a=b',
      [
        { ...note, on: 'index' },
        { ...note, platform: 'linux/arm64' },
      ],
    ],
  ])('reads %s', (text, expected) => {
    expect(notesOf(text)).toEqual(expected);
  });

  test.each(['', 'a', '=b', 'index:=b'])('refuses "%s"', (text) => {
    expect(errorOf(() => notesOf(text))).toMatchObject({
      code: 'ANNOTATION_INVALID',
      class: 'usage',
      message: `Cannot use annotation "${text}": expected KEY=VALUE`,
    });
  });

  test('refuses annotations when nothing with a manifest is written', () => {
    expect(errorOf(() => addAnnotations([local], ['a=b']))).toMatchObject({
      code: 'UNSUPPORTED',
      message:
        'Cannot export to annotation "a=b": annotations belong to manifests, and no output has one',
    });
  });
});

test('annotationsOn() gives those of the platform, and later ones win', () => {
  const notes = [
    ...notesOf('a=1'),
    ...notesOf('manifest[linux/arm64]:a=2'),
    ...notesOf('index:b=3'),
  ];
  const arm = { os: 'linux', architecture: 'arm64' };
  const amd = { os: 'linux', architecture: 'amd64' };
  expect(annotationsOn(notes, 'manifest', arm)).toEqual({ a: '2' });
  expect(annotationsOn(notes, 'manifest', amd)).toEqual({ a: '1' });
  expect(annotationsOn(notes, 'index', undefined)).toEqual({ b: '3' });
  expect(annotationsOn(notes, 'index-descriptor', undefined)).toBeUndefined();
});

test('checkAnnotations() refuses notes on the index of a single image', () => {
  expect(errorOf(() => checkAnnotations(notesOf('index:a=b'), 1)).message).toBe(
    'Cannot export to annotation "a": index annotations not supported for single platform export',
  );
  checkAnnotations(notesOf('index:a=b'), 2);
});
