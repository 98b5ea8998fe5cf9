/** Compares a kernel release with a version, e.g. 5.12. */
export function isKernelAtLeast(kernel: string, major: number, minor: number): boolean {
  const [, ownMajor = '0', ownMinor = '0'] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
  return Number(ownMajor) > major || (Number(ownMajor) === major && Number(ownMinor) >= minor);
}
