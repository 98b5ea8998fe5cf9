import { describe, expect, test } from 'vitest';
import { findForPlatform, formatPlatform, parsePlatform } from './platform.ts';

const HOST = { os: 'linux', architecture: 'amd64' };

describe('parsePlatform()', () => {
  test.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['Linux/X86-64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v2', 'linux/amd64/v2'],
    ['linux/amd64/2', 'linux/amd64/v2'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/i386', 'linux/386'],
    ['linux/i686', 'linux/386'],
    ['macos/arm64', 'darwin/arm64'],
    ['arm64', 'linux/arm64'],
    ['windows', 'windows/amd64'],
    ['local', 'linux/amd64'],
  ])('reads %s as %s', (text, expected) => {
    const platform = parsePlatform(text, HOST);
    expect(platform && formatPlatform(platform)).toBe(expected);
  });

  test.each(['', 'linux/', '/amd64', 'linux/arm/v7/x', 'linux/am d64', 'linux/amd64;rm'])(
    'refuses "%s"',
    (text) => {
      expect(parsePlatform(text, HOST)).toBeUndefined();
    },
  );
});

describe('findForPlatform()', () => {
  test.each([
    ['linux/amd64', ['linux/arm64', 'linux/amd64'], 'linux/amd64'],
    ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v6'],
    ['linux/arm/v6', ['linux/arm/v7'], undefined],
    ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2'], 'linux/amd64/v2'],
    ['linux/amd64', ['linux/amd64/v2'], undefined],
    ['linux/arm64/v9', ['linux/arm64'], 'linux/arm64'],
    ['linux/arm64', ['linux/arm/v7'], undefined],
    ['windows/amd64', ['linux/amd64'], undefined],
  ])('for %s of %j takes %s', (wanted, available, expected) => {
    const platform = parsePlatform(wanted, HOST) ?? HOST;
    const index = findForPlatform(available, platform);
    expect(index === undefined ? undefined : available[index]).toBe(expected);
  });
});
