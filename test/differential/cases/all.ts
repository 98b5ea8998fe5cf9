import type { CaseGroup } from '../case.ts';
import { FROM_CASES } from './from.ts';
import { VARIABLE_CASES } from './variables.ts';
import { REMOTE_CASES } from './remote.ts';
import { RUN_CASES } from './run.ts';
import { ONBUILD_CASES } from './onbuild.ts';
import { ERROR_CASES } from './errors.ts';
import { CONFIG_CASES } from './config.ts';
import { WORKDIR_USER_CASES } from './workdir-user.ts';
import { ADD_CASES } from './add.ts';
import { IGNORE_CASES } from './ignore.ts';
import { COPY_METADATA_CASES } from './copy-metadata.ts';
import { COPY_FROM_CASES } from './copy-from.ts';
import { REAL_WORLD_CASES } from './real-world.ts';
import { COPY_DESTINATION_CASES } from './copy.ts';

/** Every case, by subject. */
export const CASE_GROUPS: readonly CaseGroup[] = [
  { name: 'FROM', cases: FROM_CASES },
  { name: 'variables', cases: VARIABLE_CASES },
  { name: 'COPY destination', cases: COPY_DESTINATION_CASES },
  { name: 'COPY metadata', cases: COPY_METADATA_CASES },
  { name: 'COPY --from', cases: COPY_FROM_CASES },
  { name: 'ADD', cases: ADD_CASES },
  { name: 'remote', cases: REMOTE_CASES },
  { name: 'dockerignore', cases: IGNORE_CASES },
  { name: 'config', cases: CONFIG_CASES },
  { name: 'WORKDIR and USER', cases: WORKDIR_USER_CASES },
  { name: 'RUN', cases: RUN_CASES },
  { name: 'ONBUILD', cases: ONBUILD_CASES },
  { name: 'real files', cases: REAL_WORLD_CASES },
  { name: 'errors', cases: ERROR_CASES },
];
