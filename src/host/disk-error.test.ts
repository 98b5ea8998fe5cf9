import { expect, test } from 'vitest';
import { diskError } from './disk-error.ts';

test.each([
  [
    'EIO',
    'Cannot use "/nowhere/x": the disk reports an error (EIO)',
    'Read the kernel log for the reason',
  ],
  [
    'EROFS',
    'Cannot use "/nowhere/x": the disk is read-only (EROFS)',
    'Choose another directory, or mount the disk for writing; the kernel log says whether errors made it read-only',
  ],
  [
    'ENOSPC',
    'Cannot write "/nowhere/x": the disk is full (ENOSPC)',
    'Free some space, for example with "stagecraft prune"',
  ],
  [
    'EDQUOT',
    'Cannot write "/nowhere/x": the disk quota is used up (EDQUOT)',
    'Free some space, for example with "stagecraft prune"',
  ],
])('%s is the fault of the disk', (code, message, hint) => {
  const cause = Object.assign(new Error('refused'), { code });
  expect(diskError('/nowhere/x', cause)).toMatchObject({ message, hint, cause });
});

test('any other failure is not', () => {
  const denied = Object.assign(new Error('refused'), { code: 'EACCES' });
  expect(diskError('/nowhere/x', denied)).toBeUndefined();
});
