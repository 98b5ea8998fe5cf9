import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSecretMask } from './secret-mask.ts';

const SECRET = 'correct horse/battery+staple';

/** What is shown of a text that is printed in pieces. */
function shown(pieces: readonly string[], secret = SECRET): string {
  const mask = createSecretMask([Buffer.from(secret)]);
  if (mask === undefined) return pieces.join('');
  const out = pieces.map((piece) => mask.push('stdout', Buffer.from(piece, 'latin1')));
  return Buffer.concat([...out, mask.finish('stdout')]).toString('latin1');
}

describe('createSecretMask()', () => {
  test.each([
    ['as it is', SECRET],
    ['in base64', Buffer.from(SECRET).toString('base64').replace(/=+$/, '')],
    ['in the base64 of URLs', Buffer.from(SECRET).toString('base64url')],
    ['encoded for a URL', encodeURIComponent(SECRET)],
  ])('hides a secret %s, wherever its pieces begin', (_form, text) => {
    fc.assert(
      fc.property(fc.array(fc.nat(text.length + 9), { maxLength: 5 }), (cuts) => {
        const whole = `a ${text} b ${text}`;
        const at = [0, ...cuts.sort((a, b) => a - b), whole.length];
        const pieces = at.slice(1).map((end, i) => whole.slice(at[i], end));
        expect(shown(pieces)).toBe('a *** b ***');
      }),
    );
  });

  test('hides the value of a file that ends with a newline, also without it', () => {
    expect(shown([SECRET, '!\n', `${SECRET}\n`], `${SECRET}\n`)).toBe('***!\n***');
  });

  test('loses nothing of what is no secret', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('aaaaaaaa', 'aaa', 'ab', 'b', '\n')), (pieces) => {
        const text = pieces.join('');
        expect(shown(pieces, 'aaaaaaab')).toBe(text.replaceAll('aaaaaaab', '***'));
      }),
    );
  });

  test('keeps the streams apart', () => {
    const mask = createSecretMask([Buffer.from(SECRET)]);
    const first = mask?.push('stdout', Buffer.from(SECRET.slice(0, 5)));
    const second = mask?.push('stderr', Buffer.from(SECRET.slice(5)));
    expect([first?.length, Buffer.from(second ?? []).toString()]).toEqual([0, SECRET.slice(5)]);
  });

  test('is not there without secrets, and for those that are too short to tell from other text', () => {
    expect(createSecretMask([])).toBeUndefined();
    expect(createSecretMask([Buffer.from('1234567')])).toBeUndefined();
  });
});
