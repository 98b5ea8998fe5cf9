import { expect, test } from 'vitest';
import { renderRepeats } from './render-repeats.ts';

test('renderRepeats() says how much, of how many files, and what to do', () => {
  expect(renderRepeats({ files: 1203, bytes: 152_000_000 })).toBe(
    '152MB twice in the image: 1203 files of layers below got another mode, owner or name. COPY --chmod, --chown or the right destination costs nothing.',
  );
  expect(renderRepeats({ files: 1, bytes: 10_000_000 })).toMatch(/^10MB .*: 1 file of /);
});
