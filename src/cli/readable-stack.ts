import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';

/** `at name (file:line:column)` or `at file:line:column`, for files of which a map may lie beside them. */
const FRAME = /^ +at (?:.* \()?(\/.+\.cjs):(\d+):(\d+)\)?$/gm;

/**
 * The stack of an error with the places of the source files in it. In the published program names are
 * short and lines are long; `cli.cjs.map` knows what they were. A frame without a map is left as it is.
 */
export function readableStack(stack: string): string {
  const maps = new Map<string, SourceMap | undefined>();
  return stack.replace(FRAME, (frame, file: string, line: string, column: string) => {
    if (!maps.has(file)) maps.set(file, readMap(`${file}.map`));
    const entry = maps.get(file)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (entry === undefined || !('originalSource' in entry)) return frame;
    const source = entry.originalSource.replace(/^(?:\.\.\/)+/, '');
    return `    at ${source}:${String(entry.originalLine + 1)}:${String(entry.originalColumn + 1)}`;
  });
}

function readMap(path: string): SourceMap | undefined {
  try {
    const map = JSON.parse(readFileSync(path, 'utf8')) as ConstructorParameters<
      typeof SourceMap
    >[0];
    return new SourceMap(map);
  } catch {
    // Whoever reads the report has the program and can make one.
    return undefined;
  }
}
