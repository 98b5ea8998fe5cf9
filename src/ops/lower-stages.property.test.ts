import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BuildError } from '../diagnostics/build-error.ts';
import type { Span } from '../diagnostics/source.ts';
import { applyCheckDirective } from '../dockerfile/lint/apply-check-directive.ts';
import { lintDockerfile } from '../dockerfile/lint/run-lint.ts';
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts';
import { printDockerfile } from '../dockerfile/print-dockerfile.ts';
import type { PlanRequest } from '../stages/plan-request.ts';
import { dockerfile, planRequest, planWithBases } from '../testing/base-images.ts';
import { randomDockerfile } from '../testing/random-dockerfile.ts';
import { lowerStages } from './lower-stages.ts';
import type { OpGraph } from './op-graph.ts';
import { inputsOf } from './op.ts';
import { printGraph } from './print-graph.ts';

const platforms = fc.subarray(['amd64', 'arm64'], { minLength: 1 });

function lower(text: string, changes: Partial<PlanRequest> = {}): OpGraph {
  const { plan, images } = planWithBases(dockerfile(text), planRequest(changes));
  return lowerStages(plan, images, { now: '2026-01-01T00:00:00Z' });
}

test('every valid file plans and lowers to a graph in build order whose layers agree with its history', () => {
  fc.assert(
    fc.property(randomDockerfile, platforms, fc.nat(), ({ text, stages }, architectures, pick) => {
      const changes = {
        target: `s${pick % stages}`,
        targetPlatforms: architectures.map((architecture) => ({ os: 'linux', architecture })),
      };
      const graph = lower(text, changes);

      expect(graph.metadata).toHaveLength(graph.ops.length);
      graph.ops.forEach((op, id) => {
        for (const input of inputsOf(op)) expect(input).toBeLessThan(id);
      });
      expect(new Set(graph.ops.map((op) => JSON.stringify(op))).size).toBe(graph.ops.length);
      for (const { config, layers, baseHistory } of graph.targets) {
        const own = config.history.slice(baseHistory);
        expect(own.filter((entry) => entry.empty_layer !== true)).toHaveLength(layers.length);
        for (const layer of layers) expect(graph.ops[layer]).toBeDefined();
      }
      expect(printGraph(lower(text, changes))).toBe(printGraph(graph));
    }),
    { numRuns: 150 },
  );
});

test('every valid file means the same when it is printed and read again', () => {
  fc.assert(
    fc.property(randomDockerfile, ({ text }) => {
      const printed = printDockerfile(dockerfile(text));
      expect(withoutNames(printGraph(lower(printed)))).toBe(withoutNames(printGraph(lower(text))));
    }),
    { numRuns: 150 },
  );
});

/** Titles of steps show the text as it was written, and so does what ONBUILD stores. */
function withoutNames(graph: string): string {
  return graph.replace(/^#(\d+) .*/gm, '#$1').replace(/^ +OnBuild .*\n/gm, '');
}

/** A word in the place of another, or a piece of text that means something to the parser. */
const PIECES = [
  ...Array.from('\\`"\'[]{}$<-=#:,/ \t\n\r\v\0é\u2028'),
  ...['<<', '--', 'EOF', '\r\n', '${', '\ud83d', 'FROM', 'ONBUILD ', '--from=', '--mount=', 'COPY'],
  ...['RUN', 'ARG', 'AS', '<<-"A b"', '65536', '-1', '[]', '[1]', ':?', '//', '%%', '$$', '!'],
];
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat({ max: 12 }),
  isToken: fc.boolean(),
  piece: fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 4, unit: 'binary' })),
});
type Edit = typeof edit extends fc.Arbitrary<infer Value> ? Value : never;

function mutate(text: string, edits: readonly Edit[]): string {
  let result = text;
  for (const { at, length, isToken, piece } of edits) {
    const start = Math.floor(at * result.length);
    const rest = result.slice(start);
    const end = isToken ? (/[\s=,:]/.exec(rest)?.index ?? rest.length) : length;
    result = result.slice(0, start) + piece + rest.slice(end);
  }
  return result;
}

describe('a file with mistakes', () => {
  const mutated = fc.tuple(randomDockerfile, fc.array(edit, { minLength: 1, maxLength: 8 }));

  test('is planned, or every mistake that is told has a place in a file', () => {
    fc.assert(
      fc.property(mutated, ({ 0: { text }, 1: edits }) => {
        for (const span of mistakesIn(mutate(text, edits))) expectPlace(span);
      }),
      { numRuns: 800 },
    );
  });
});

/** Where the mistakes are; empty when there are none. */
function mistakesIn(text: string): (Span | undefined)[] {
  const { ast, diagnostics } = parseDockerfile({ path: 'Dockerfile', text });
  const found = applyCheckDirective([...diagnostics, ...lintDockerfile(ast)], ast).diagnostics;
  const errors = found.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) return found.map(({ span }) => span);
  try {
    const { plan, images } = planWithBases(ast, planRequest());
    lowerStages(plan, images, { now: '2026-01-01T00:00:00Z' });
    return plan.diagnostics.map(({ span }) => span);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    return [error.span];
  }
}

function expectPlace(span: Span | undefined): void {
  if (span === undefined) throw new Error('A mistake has no place');
  expect(span.start).toBeGreaterThanOrEqual(0);
  expect(span.end).toBeGreaterThanOrEqual(span.start);
  expect(span.end).toBeLessThanOrEqual(span.file.text.length);
}
