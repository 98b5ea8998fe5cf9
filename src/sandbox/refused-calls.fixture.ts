import { constants } from 'node:os';

const { EPERM, ENOSYS } = constants.errno;

/** System calls that moby's policy keeps from root with the 14 capabilities, for tests: arguments and answer. */
export const REFUSED_CALLS: Readonly<
  Record<string, readonly [args: readonly number[], answer: number]>
> = {
  ...Object.fromEntries(
    (
      'acct add_key bpf clock_settime delete_module finit_module fsopen init_module io_uring_setup ' +
      'kexec_load keyctl mount move_mount open_by_handle_at open_tree perf_event_open pivot_root ' +
      'quotactl reboot request_key setns settimeofday swapoff swapon umount2 userfaultfd'
    )
      .split(' ')
      .map((name) => [name, [[0, 0, 0, 0, 0], -EPERM] as const]),
  ),
  // CLONE_NEWUSER, and that with SIGCHLD.
  unshare: [[0x10000000], -EPERM],
  clone: [[0x10000000 | 17], -EPERM],
  // Its flags are in memory, where no filter can read them: libraries then take clone.
  clone3: [[0, 0, 0, 0, 0], -ENOSYS],
};
