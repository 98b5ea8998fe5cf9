import type { Span } from '../../diagnostics/source.ts';
import type { LintFile } from './lint-file.ts';

/** One port of EXPOSE after expansion. */
export interface ExposedPort {
  readonly text: string;
  /** What follows the slash, or empty. */
  readonly protocol: string;
  /** `[ip:]host-port:port`, as `docker run -p` has it. */
  readonly hasMapping: boolean;
  readonly span: Span;
}

/** All ports of the file; those with variables that only the base image knows are left out. */
export function* exposedPorts(file: LintFile): Iterable<ExposedPort> {
  for (const stage of file.stages) {
    // Walking expands every variable of the stage.
    if (!stage.instructions.some(({ kind }) => kind === 'expose')) continue;
    for (const { instruction, expandAll } of file.walk(stage)) {
      if (instruction.kind !== 'expose') continue;
      for (const word of instruction.ports) {
        for (const text of expandAll(word) ?? []) yield readPort(text, word.span);
      }
    }
  }
}

function readPort(text: string, span: Span): ExposedPort {
  const colon = text.lastIndexOf(':');
  const [, protocol = ''] = text.slice(colon + 1).split('/', 2);
  return { text, protocol, hasMapping: colon > 0, span };
}
