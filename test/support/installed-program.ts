import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PROGRAM } from './program.ts';

const CHECKOUT = dirname(dirname(PROGRAM));

/** Copies the program to where every user can read it, which the checkout may not be. Gives its path. */
export function installProgram(dir: string): string {
  const program = join(dir, 'dist/main.cjs');
  cpSync(join(CHECKOUT, 'dist'), dirname(program), { recursive: true });
  for (const name of ['koffi', '@koromix', 'yaml']) {
    const from = join(CHECKOUT, 'node_modules', name);
    cpSync(from, join(dir, 'node_modules', name), { recursive: true });
  }
  return program;
}
