import { describe, expect, test } from 'vitest';
import type { BuildDifference } from '../events/event.ts';
import { notReproducible } from './errors.ts';

const FOUND: BuildDifference = {
  platform: 'linux/amd64',
  path: 'app/server',
  difference: { aspect: 'content', offset: 40, first: '08:00', second: '09:00' },
  step: '[builder 2/2] RUN make',
  place: { file: 'Dockerfile', line: 2 },
  earlier: undefined,
  others: 0,
  isTimeOnly: false,
};

describe('notReproducible()', () => {
  test.each<[string, Partial<BuildDifference>, string]>([
    [
      'a file',
      {},
      'two builds differ, first in "app/server": content from byte 40 on, "08:00" and "09:00", made by "[builder 2/2] RUN make"',
    ],
    [
      'more files, and a step before that one',
      { others: 3, earlier: { step: '[1/2] RUN date', path: 'log' } },
      'two builds differ, first in "app/server": content from byte 40 on, "08:00" and "09:00", made by "[builder 2/2] RUN make"; before that, "[1/2] RUN date" had made another "log"; 3 more files of this layer differ',
    ],
    [
      'a name that one build lacks',
      { difference: { aspect: 'presence', first: 'there', second: 'missing' } },
      'two builds differ, first in "app/server": only the first has it, made by "[builder 2/2] RUN make"',
    ],
    [
      'times of files',
      { isTimeOnly: true, difference: { aspect: 'time', first: '1', second: '2' } },
      'two builds differ in times alone, first of "app/server": time "1" and "2", made by "[builder 2/2] RUN make"',
    ],
    [
      'the config',
      {
        ...{ path: undefined, step: undefined },
        difference: { aspect: 'config', name: 'config.Env.0', first: 'A=1', second: 'A=2' },
      },
      'two builds differ in "config.Env.0" of the config, "A=1" and "A=2"',
    ],
    [
      'a source',
      {
        ...{ path: undefined, step: 'FROM alpine' },
        difference: { aspect: 'source', first: 'sha256:1', second: 'sha256:2' },
      },
      'two builds differ in a source that changed meanwhile, "sha256:1" and "sha256:2", made by "FROM alpine"',
    ],
  ])('tells of %s', (_what, changes, words) => {
    const error = notReproducible({ ...FOUND, ...changes }, undefined, true);
    expect(error).toMatchObject({
      code: 'NOT_REPRODUCIBLE',
      class: 'verify',
      message: `Cannot reproduce the image: ${words}`,
      hint: undefined,
    });
  });

  test('names the flag that fixes times, where none did', () => {
    expect(notReproducible(FOUND, undefined, false).hint).toBe(
      'Add --reproducible: many programs write the time that SOURCE_DATE_EPOCH says',
    );
    const timeOnly = { ...FOUND, isTimeOnly: true };
    expect(notReproducible(timeOnly, undefined, false).hint).toBe(
      'Add --reproducible, with which no time in the image is later than a fixed one',
    );
  });
});
