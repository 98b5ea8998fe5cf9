import { expect, test } from 'vitest';
import { renderStageTable } from './build-summary.ts';

test('renderStageTable() names base images as Dockerfiles do, and fits 80 columns', () => {
  const stage = { totalBytes: 23_200_000, addedBytes: 21_000_000, leftBehindBytes: 2_200_000 };
  const stages = [
    ['compile', 'docker.io/library/eclipse-temurin:17', false],
    ['assets', 'docker.io/bitnami/git:2', false],
    ['pinned', `docker.io/library/git@sha256:${'0123456789abcdef'.repeat(4)}`, false],
    ['layout', 'oci-layout://base:latest', false],
    [undefined, 'ghcr.io/a/b:1', true],
  ] as const;
  const table = renderStageTable(
    stages.map(([name, baseName, isTarget], index) => ({
      ...{ index, name, baseName, isTarget, durationMs: 4900 },
      ...stage,
    })),
  );
  expect(table).toBe(
    [
      'STAGE       BASE                       SIZE     ADDED   LEFT BEHIND   TIME',
      'compile     eclipse-temurin:17         23.2MB   21MB    2.2MB         4.9s',
      'assets      bitnami/git:2              23.2MB   21MB    2.2MB         4.9s',
      'pinned      git@sha256:0123456789ab    23.2MB   21MB    2.2MB         4.9s',
      'layout      oci-layout://base:latest   23.2MB   21MB    2.2MB         4.9s',
      'stage 4 *   ghcr.io/a/b:1              23.2MB   21MB    -             4.9s',
      '',
    ].join('\n'),
  );
});
