/**
 * That many hex digits, for names that must not meet others by chance; anybody may guess them. node:crypto, for
 * what nobody may, takes longer to load than a cached build has time for.
 */
export function randomHex(digits: number): string {
  let text = '';
  while (text.length < digits) {
    text += Math.floor(Math.random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  }
  return text.slice(0, digits);
}
