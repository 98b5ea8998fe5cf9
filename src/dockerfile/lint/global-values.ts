import type { DockerfileAst } from '../ast.ts';
import { expandWord } from '../expand.ts';

/**
 * Stand-ins for the arguments that every build has. Checks ask whether a value is there and whether it
 * can be part of a name, not what it is.
 */
const PREDEFINED: readonly (readonly [name: string, value: string])[] = [
  ['BUILDPLATFORM', 'linux/amd64'],
  ['BUILDOS', 'linux'],
  ['BUILDOSVERSION', ''],
  ['BUILDARCH', 'amd64'],
  ['BUILDVARIANT', ''],
  ['TARGETPLATFORM', 'linux/amd64'],
  ['TARGETOS', 'linux'],
  ['TARGETOSVERSION', ''],
  ['TARGETARCH', 'amd64'],
  ['TARGETVARIANT', ''],
  ['TARGETSTAGE', 'default'],
];

/** What FROM sees: the predefined arguments and the ARGs above the first FROM. */
export function defaultGlobals(
  ast: DockerfileAst,
  buildArgs: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const values = new Map(PREDEFINED.map(([name, value]) => [name, buildArgs.get(name) ?? value]));
  for (const { key, value } of ast.globalArgs.flatMap(({ args }) => args)) {
    const given = buildArgs.get(key.raw);
    if (given !== undefined) values.set(key.raw, given);
    if (given !== undefined || value === undefined) continue;
    const expansion = expandWord(value.raw, (name) => values.get(name), { escape: ast.escape });
    // What cannot be expanded is an error of its own; the check goes on without it.
    if (expansion.ok) values.set(key.raw, expansion.text);
  }
  return values;
}
