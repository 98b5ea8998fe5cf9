import { expect, test } from 'vitest';
import { otherBaseImagePlatform } from './invalid-base-image-platform.ts';

test('otherBaseImagePlatform() names both platforms', () => {
  const span = { file: { path: 'Dockerfile', text: '' }, start: 0, end: 0 };
  const platforms = {
    actual: { os: 'linux', architecture: 'arm', variant: 'v7' },
    expected: { os: 'linux', architecture: 'amd64' },
  };
  expect(otherBaseImagePlatform('alpine', platforms, span).message).toBe(
    'Base image alpine was pulled with platform "linux/arm/v7", expected "linux/amd64" for current build',
  );
});
