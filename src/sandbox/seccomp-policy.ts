import type { Capability } from './capabilities.ts';

/**
 * Which system calls a step may make: Docker's default policy (moby/profiles, seccomp/default.json),
 * as an allow list by subject. What is not listed fails with EPERM, so that programs go on as if they
 * lacked a privilege.
 */
export interface SyscallGroup {
  /** What the calls are for. */
  readonly about: string;
  /** System call names, separated by blanks. */
  readonly names: string;
  /** Only for processes whose bounding set has this capability. */
  readonly needs?: Capability | undefined;
  /** Only on these architectures (GOARCH). */
  readonly architectures?: readonly string[] | undefined;
}

/** Calls that are allowed whatever their arguments are. Several groups may allow the same one. */
export const ALLOWED_GROUPS: readonly SyscallGroup[] = [
  {
    about: 'reading and writing',
    names:
      'close close_range copy_file_range creat dup dup2 dup3 fadvise64 fadvise64_64 fallocate fcntl fcntl64 ' +
      'fdatasync flock fsync ftruncate ftruncate64 _llseek lseek open openat openat2 pipe pipe2 pread64 ' +
      'preadv preadv2 pwrite64 pwritev pwritev2 read readahead readv sendfile sendfile64 splice sync ' +
      'sync_file_range syncfs tee truncate truncate64 vmsplice write writev ioctl cachestat',
  },
  {
    about: 'names, owners, modes and times of files',
    names:
      'access chdir chmod chown chown32 faccessat faccessat2 fchdir fchmod fchmodat fchmodat2 fchown fchown32 ' +
      'fchownat fstat fstat64 fstatat64 fstatfs fstatfs64 futimesat getcwd getdents getdents64 lchown ' +
      'lchown32 link linkat lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat readlink ' +
      'readlinkat rename renameat renameat2 rmdir stat stat64 statfs statfs64 statx symlink symlinkat umask ' +
      'unlink unlinkat utime utimensat utimensat_time64 utimes listmount statmount',
  },
  {
    about: 'extended attributes',
    names:
      'fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat ' +
      'llistxattr lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat',
  },
  {
    about: 'watching files',
    names: 'fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch',
  },
  {
    about: 'waiting for descriptors',
    names:
      'epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old ' +
      'eventfd eventfd2 _newselect poll ppoll ppoll_time64 pselect6 pselect6_time64 select signalfd signalfd4',
  },
  {
    about: 'asynchronous reading and writing; io_uring is left out, as it goes around this filter',
    names:
      'io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit',
  },
  {
    about: 'memory',
    names:
      'brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap ' +
      'mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect ' +
      'process_mrelease remap_file_pages',
  },
  {
    about: 'processes and threads; clone is under ALLOWED_CALLS',
    names:
      'execve execveat exit exit_group fork futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake ' +
      'get_robust_list get_thread_area getcpu getpgid getpgrp getpid getppid getpriority getrlimit getrusage ' +
      'getsid gettid ioprio_get ioprio_set pidfd_open prctl prlimit64 rseq set_robust_list set_thread_area ' +
      'set_tid_address setpgid setpriority setrlimit setsid times ugetrlimit uname sysinfo vfork wait4 waitid ' +
      'waitpid getrandom landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp uretprobe ' +
      'riscv_hwprobe',
  },
  {
    about: 'debugging within the same pid namespace; safe with seccomp since Linux 4.8',
    names: 'process_vm_readv process_vm_writev ptrace',
  },
  {
    about: 'scheduling',
    names:
      'sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam ' +
      'sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr ' +
      'sched_setparam sched_setscheduler sched_yield',
  },
  {
    about: 'signals',
    names:
      'kill pause pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo ' +
      'rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack ' +
      'sigprocmask sigreturn tgkill tkill',
  },
  {
    about: 'users, groups and capabilities',
    names:
      'capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid ' +
      'getresgid32 getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid ' +
      'setgid32 setgroups setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 ' +
      'setreuid setreuid32 setuid setuid32',
  },
  {
    about: 'clocks and timers; the kernel asks for CAP_SYS_TIME before it sets one',
    names:
      'adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime ' +
      'clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time ' +
      'timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime ' +
      'timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64',
  },
  {
    about: 'sockets that are there already; socket is under ALLOWED_CALLS',
    names:
      'accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg ' +
      'recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair',
  },
  {
    about: 'System V and POSIX message queues, semaphores and shared memory',
    names:
      'ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend ' +
      'mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop ' +
      'semtimedop_time64 shmat shmctl shmdt shmget',
  },
  { about: 'x86 segments', names: 'arch_prctl', architectures: ['amd64'] },
  { about: 'x86 segments', names: 'modify_ldt', architectures: ['amd64', '386'] },
  {
    about: 'Arm only',
    names: 'arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls',
    architectures: ['arm', 'arm64'],
  },
  { about: 'POWER only', names: 'sync_file_range2 swapcontext', architectures: ['ppc64le'] },
  {
    about: 'Z only',
    names: 's390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr',
    architectures: ['s390x'],
  },
  { about: 'RISC-V only', names: 'riscv_flush_icache', architectures: ['riscv64'] },
  { about: 'files by handle', names: 'open_by_handle_at', needs: 'CAP_DAC_READ_SEARCH' },
  {
    about: 'administration',
    names:
      'bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr ' +
      'lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl ' +
      'quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare',
    needs: 'CAP_SYS_ADMIN',
  },
  { about: 'restarting the machine', names: 'reboot', needs: 'CAP_SYS_BOOT' },
  { about: 'changing the root directory', names: 'chroot', needs: 'CAP_SYS_CHROOT' },
  {
    about: 'kernel modules',
    names: 'delete_module init_module finit_module',
    needs: 'CAP_SYS_MODULE',
  },
  { about: 'process accounting', names: 'acct', needs: 'CAP_SYS_PACCT' },
  {
    about: 'debugging others',
    names: 'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace',
    needs: 'CAP_SYS_PTRACE',
  },
  { about: 'ports', names: 'iopl ioperm', needs: 'CAP_SYS_RAWIO' },
  {
    about: 'setting clocks',
    names: 'settimeofday stime clock_settime clock_settime64',
    needs: 'CAP_SYS_TIME',
  },
  { about: 'terminals', names: 'vhangup', needs: 'CAP_SYS_TTY_CONFIG' },
  {
    about: 'memory policy',
    names: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
    needs: 'CAP_SYS_NICE',
  },
  { about: 'kernel log', names: 'syslog', needs: 'CAP_SYSLOG' },
  { about: 'kernel programs', names: 'bpf', needs: 'CAP_BPF' },
  { about: 'measuring', names: 'perf_event_open', needs: 'CAP_PERFMON' },
];

/** A test on the first argument of a call, as an unsigned number. */
export type ArgumentTest =
  | { readonly kind: 'equals'; readonly value: number }
  | { readonly kind: 'below'; readonly value: number }
  /** No bit of the mask is set. */
  | { readonly kind: 'has-none-of'; readonly mask: number };

/** A call that is allowed when its first argument passes one of the tests. */
export interface AllowedCall {
  readonly name: string;
  readonly anyOf: readonly ArgumentTest[];
  /** Not needed, as the call is allowed altogether, for processes with this capability. */
  readonly unless?: Capability | undefined;
}

/** CLONE_NEW* (sched.h) but CLONE_NEWTIME, which clone(2) cannot take: a step makes no namespaces. */
const NEW_NAMESPACES = 0x7e020000;

/**
 * Address families (bits/socket.h) that may be used; all below 12 as well. Left out are those that
 * served attacks on the kernel and none of the programs that builds run: DECnet, 19, 20, 23, 25, 34,
 * ISDN, ALG, VSOCK and all above 45.
 */
const SOCKET_FAMILIES = [
  13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44,
  45,
];

/** personality(2): Linux and SVr4-like, each with and without UNAME26; all ones only asks. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/** Calls that are allowed for some arguments. */
export const ALLOWED_CALLS: readonly AllowedCall[] = [
  {
    name: 'socket',
    anyOf: [
      { kind: 'below', value: 12 },
      ...SOCKET_FAMILIES.map((value) => ({ kind: 'equals', value }) as const),
    ],
  },
  {
    name: 'personality',
    anyOf: PERSONALITIES.map((value) => ({ kind: 'equals', value }) as const),
  },
  {
    name: 'clone',
    anyOf: [{ kind: 'has-none-of', mask: NEW_NAMESPACES }],
    unless: 'CAP_SYS_ADMIN',
  },
];

/**
 * Calls that fail as if the kernel did not have them. The flags of clone3 are in memory, where a filter
 * cannot look; with ENOSYS libraries fall back to clone, whose flags it can see.
 */
export const MISSING_CALLS: readonly {
  readonly name: string;
  readonly unless: Capability;
}[] = [{ name: 'clone3', unless: 'CAP_SYS_ADMIN' }];
