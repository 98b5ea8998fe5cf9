import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { consistentInstructionCasing } from './consistent-instruction-casing.ts';

describe('ConsistentInstructionCasing', () => {
  test.each([
    {
      lines: ['FROM alpine', 'run true', 'RUN true'],
      message: "Command 'run' should match the case of the command majority (uppercase)",
      at: 'run',
    },
    {
      lines: ['FROM alpine', 'Run true'],
      message: "Command 'Run' should match the case of the command majority (uppercase)",
      at: 'Run',
    },
    {
      lines: ['from alpine', 'run true', 'USER root'],
      message: "Command 'USER' should match the case of the command majority (lowercase)",
      at: 'USER',
    },
    {
      lines: ['FROM alpine', 'run true'],
      message: "Command 'run' should match the case of the command majority (uppercase)",
      at: 'run',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(consistentInstructionCasing, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM alpine', 'RUN true'] },
    { lines: ['from alpine', 'run true'] },
    { lines: ['arg A=1', 'FROM alpine', 'RUN true'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(consistentInstructionCasing, lines)).toEqual([]);
  });
});
