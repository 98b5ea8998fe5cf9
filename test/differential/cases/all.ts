import type { CaseGroup } from '../case.ts';
import { FROM_CASES } from './from.ts';
import { VARIABLE_CASES } from './variables.ts';
import { COPY_DESTINATION_CASES } from './copy.ts';

/** Every case, by subject. */
export const CASE_GROUPS: readonly CaseGroup[] = [
  { name: 'FROM', cases: FROM_CASES },
  { name: 'variables', cases: VARIABLE_CASES },
  { name: 'COPY destination', cases: COPY_DESTINATION_CASES },
];
