import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dockerfile, planRequest, planWithBases } from '../testing/base-images.ts';
import { lowerStages } from './lower-stages.ts';
import { inputsOf } from './op.ts';
import { printGraph } from './print-graph.ts';

const WORDS = ['a', 'b', '$A', '${B:-x}', 'dir/', '.', '..', '*'] as const;
const word = fc.constantFrom(...WORDS);

/** A stage of a valid file; numbers are taken modulo the number of stages above it. */
const instruction = fc.oneof(
  fc.tuple(fc.nat(), word, word).map(
    ([n, from, to]) =>
      (above: number) =>
        above === 0 ? `COPY ${from} /${to}` : `COPY --from=${n % above} ${from} ${to}`,
  ),
  fc.tuple(fc.nat(), word).map(
    ([n, text]) =>
      (above: number) =>
        above === 0 ? `RUN echo ${text}` : `RUN --mount=from=s${n % above},target=/m echo ${text}`,
  ),
  word.map((text) => () => `COPY --link x ${text}`),
  word.map((text) => () => `WORKDIR ${text}`),
  word.map((text) => () => `ENV A=${text} B=$A`),
  word.map((text) => () => `ARG A=${text}`),
  word.map((text) => () => `ONBUILD RUN trigger ${text}`),
  fc.constant(() => 'USER me'),
  fc.constant(() => 'CMD run'),
  fc.constant(() => 'ENTRYPOINT ["run"]'),
  fc.constant(() => 'EXPOSE 80'),
);
const stage = fc.record({
  base: fc.oneof(
    fc.constantFrom('scratch', 'alpine', 'busybox:1'),
    fc.nat().map((n) => n),
  ),
  instructions: fc.array(instruction, { maxLength: 6 }),
});
const file = fc.array(stage, { minLength: 1, maxLength: 7 }).map((stages) =>
  stages.flatMap(({ base, instructions }, above) => {
    const name = typeof base === 'string' ? base : above === 0 ? 'scratch' : `s${base % above}`;
    return [`FROM ${name} AS s${above}`, ...instructions.map((make) => make(above))];
  }),
);
const platforms = fc.subarray(['amd64', 'arm64'], { minLength: 1 });

test('every valid file plans and lowers to a graph in build order whose layers agree with its history', () => {
  fc.assert(
    fc.property(file, platforms, fc.nat(), (lines, architectures, pick) => {
      const count = lines.filter((line) => line.startsWith('FROM')).length;
      const request = planRequest({
        target: `s${pick % count}`,
        targetPlatforms: architectures.map((architecture) => ({ os: 'linux', architecture })),
      });
      const { plan, images } = planWithBases(dockerfile(...lines), request);
      const graph = lowerStages(plan, images, { now: '2026-01-01T00:00:00Z' });

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
      expect(printGraph(lowerStages(plan, images, { now: '2026-01-01T00:00:00Z' }))).toBe(
        printGraph(graph),
      );
    }),
    { numRuns: 300 },
  );
});
