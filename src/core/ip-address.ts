/** 4 or 6 for an IP address of that version, 0 for any other text. As `net.isIP`, which is loaded at the first call: a build seldom asks. */
export function ipVersion(text: string): 0 | 4 | 6 {
  const version = process.getBuiltinModule('node:net').isIP(text);
  return version === 4 || version === 6 ? version : 0;
}
