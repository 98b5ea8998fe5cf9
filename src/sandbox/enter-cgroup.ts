import type { LaunchProgram } from './launcher/program.ts';
import type { StepCgroup } from './step-cgroup.ts';

const AT_FDCWD = -100;
const O_WRONLY = 1;

/** Lets the process of `program` enter the cgroups, while it still sees them and may write to them. */
export function enterCgroup(program: LaunchProgram, cgroup: StepCgroup | undefined): void {
  // The report descriptor is 3 and all others are closed, so this one is 4.
  const ENTRANCE_FD = 4;
  for (const file of cgroup?.entrances ?? []) {
    program.expect('openat', [AT_FDCWD, file, O_WRONLY], ENTRANCE_FD, 'finding its cgroup');
    program.expect('write', [ENTRANCE_FD, '0', 1], 1, 'entering its cgroup');
    program.call('close', [ENTRANCE_FD], 'entering its cgroup');
  }
}
