import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DockerfileAst } from './ast.ts';
import { parseDockerfile } from './parse-dockerfile.ts';
import { printDockerfile } from './print-dockerfile.ts';

/** What printing has to keep. A FROM with an error is gone, so stages may get another index. */
function shape({ directives, escape, globalArgs, stages }: DockerfileAst): unknown {
  const hidden = new Set(['span', 'original', 'index']);
  const text = JSON.stringify({ directives, escape, globalArgs, stages }, (key, value: unknown) =>
    hidden.has(key) ? undefined : value,
  );
  return JSON.parse(text);
}

function expectSameTree(text: string): void {
  const { ast } = parseDockerfile({ path: 'Dockerfile', text });
  const printed = printDockerfile(ast);
  const again = parseDockerfile({ path: 'Dockerfile', text: printed });
  expect(shape(again.ast)).toEqual(shape(ast));
}

const LINES = [
  'FROM a',
  'from --platform=$P a:1 as B',
  'ARG a b="c d"',
  'ENV a=b c="d e" f=g\\ h',
  'ENV a b  c',
  'LABEL "a b"=c',
  'RUN a && \\\n  # c\n  b',
  'RUN ["a", "b\\n"]',
  'RUN -- --x',
  'RUN --mount=type=cache,target=/x --network=none a',
  'RUN <<EOF\na\nEOF',
  "RUN <<-'E F'\n\t#!/bin/sh\n\tE F",
  'RUN cat <<-A 3<<B\n\ta\n\tA\nb\nB',
  'COPY --chown="a b" --link c d /e/',
  'COPY ["a b", "<<c", "d\\\\"]',
  "COPY <<A 1<<-'B' x /y\na\nA\n\tb\nB",
  'COPY << EOF /x\nEOF',
  'ADD --unpack=true --exclude=*.x a b',
  'CMD a [b',
  'CMD ["a"]',
  'ENTRYPOINT []',
  'SHELL ["sh", "-c"]',
  'EXPOSE 80 443/udp $x',
  'VOLUME a "b" ["c"]',
  'VOLUME ["a b"]',
  'USER a b',
  'WORKDIR /a b',
  'STOPSIGNAL --x TERM',
  'MAINTAINER a <b@c>',
  'ONBUILD RUN <<A\nx\nA',
  'ONBUILD COPY a b',
  'HEALTHCHECK --interval=5s --retries=2 CMD a ["b"]',
  'HEALTHCHECK NONE',
  '# comment',
  '#',
  '# escape=`',
  '',
  'RUN a \\\v',
  'RUN a \\\\',
  'NOPE',
  '\uFEFF',
];

describe('printDockerfile() gives text that is parsed to the same tree', () => {
  test('for every kind of line', () => {
    expectSameTree(`# escape=\\\n# syntax=x\n\n# escape=\`\n${LINES.join('\n')}\n`);
  });

  test('for lines that are too long to be printed as one', () => {
    expectSameTree(`FROM a\nRUN ${'x\\\\ #  \\\\é '.repeat(60).concat('\\\n').repeat(300)} y\n`);
  });

  test('for any mixture of lines', () => {
    const line = fc.constantFrom(...LINES);
    fc.assert(
      fc.property(fc.array(line), fc.boolean(), (lines, hasBacktick) => {
        expectSameTree(`${hasBacktick ? '# escape=`\n' : ''}FROM a\n${lines.join('\n')}\n`);
      }),
      { numRuns: 500 },
    );
  });

  test('for mutated text', () => {
    const pieces = fc.constantFrom(
      ...Array.from('\\`"\'[]{}$<-=# \t\n,:é'),
      '<<',
      '--',
      'EOF',
      '\r\n',
      '\v',
      '\u00a0',
    );
    const place = fc.nat({ max: 400 });
    fc.assert(
      fc.property(fc.array(fc.tuple(place, pieces), { maxLength: 12 }), place, (edits, from) => {
        let text = `FROM a\n${LINES.slice(from % LINES.length).join('\n')}\n`;
        for (const [at, piece] of edits) text = text.slice(0, at) + piece + text.slice(at + 1);
        expectSameTree(text);
      }),
      { numRuns: 1500 },
    );
  });
});

describe('parseDockerfile() never throws', () => {
  test('on arbitrary text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { diagnostics } = parseDockerfile({ path: 'Dockerfile', text });
        for (const { span } of diagnostics) {
          expect(0 <= span.start && span.start <= span.end && span.end <= text.length).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('on lines of instructions with arbitrary arguments', () => {
    const keyword = fc.constantFrom(
      'ADD',
      'copy',
      'ENV',
      'RUN',
      'ONBUILD',
      'HEALTHCHECK',
      'VOLUME',
    );
    const part = fc.constantFrom(...Array.from('\\"\'[]$<>-= ,\n'), '<<', '--', 'a', '{', '}');
    const line = fc
      .tuple(keyword, fc.array(part))
      .map(([word, parts]) => `${word} ${parts.join('')}`);
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        expectSameTree(`FROM a\n${lines.join('\n')}`);
      }),
      { numRuns: 1500 },
    );
  });
});

const SEEDS = process.env['STAGECRAFT_SEEDS'] ?? '';

describe.runIf(SEEDS !== '' && existsSync(SEEDS))('Dockerfiles found in documents', () => {
  test('survive printing', () => {
    for (const name of readdirSync(SEEDS)) {
      const text = readFileSync(join(SEEDS, name), 'utf8');
      for (const [, block = ''] of text.matchAll(/```[dD]ockerfile\n([^]*?)```/g)) {
        expectSameTree(block);
      }
    }
  });
});
