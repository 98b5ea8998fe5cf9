import { join } from 'node:path';

/** The program as `npm run build` makes it. */
export const PROGRAM = join(import.meta.dirname, '../../dist/main.cjs');
