import { closeSync, openSync, writeFileSync } from 'node:fs';
import { declareNative } from './ffi.ts';
import { mount, MS, umount } from './mount.ts';
import { CLONE, setns, unshare } from './sys.ts';

/**
 * A network namespace with a name in the file system, held by this process. Only for processes in a mount
 * namespace of their own (mount-namespace.ts), so that the name is gone when they are.
 */
export interface NetworkNamespace extends Disposable {
  /** A file that stands for the namespace, for setns(2) in children. */
  readonly path: string;
}

const socketCall = declareNative('socket', ['int', 'int', 'int']);
const ioctlCall = declareNative('ioctl', ['int', 'ulong', 'void *']);

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

/** Makes a namespace with a loopback that is up. `path` must not exist. @throws SystemError EPERM */
export function createNetworkNamespace(path: string): NetworkNamespace {
  const fd = openNewNamespace();
  try {
    inside(fd, bringLoopbackUp);
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
    mount({ source: `/proc/self/fd/${fd}`, target: path, flags: MS.BIND });
  } finally {
    closeSync(fd);
  }
  return {
    path,
    [Symbol.dispose]: () => {
      umount(path, { lazily: true });
    },
  };
}

function openNewNamespace(): number {
  const own = openSync(OWN_NAMESPACE, 'r');
  try {
    unshare(CLONE.NEWNET);
    try {
      return openSync(OWN_NAMESPACE, 'r');
    } finally {
      setns(own, CLONE.NEWNET);
    }
  } finally {
    closeSync(own);
  }
}

/** Of the calling thread: namespaces are per thread. */
const OWN_NAMESPACE = '/proc/thread-self/ns/net';

/** Runs synchronous code inside; nothing else can run meanwhile. */
function inside<T>(fd: number, work: () => T): T {
  const own = openSync(OWN_NAMESPACE, 'r');
  try {
    setns(fd, CLONE.NEWNET);
    try {
      return work();
    } finally {
      setns(own, CLONE.NEWNET);
    }
  } finally {
    closeSync(own);
  }
}

function bringLoopbackUp(): void {
  const fd = socketCall(undefined, [AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0]);
  try {
    // struct ifreq: name, then flags.
    const request = Buffer.alloc(40);
    request.write('lo', 0, 'latin1');
    request.writeUInt16LE(IFF_UP, 16);
    ioctlCall(undefined, [fd, SIOCSIFFLAGS, request]);
  } finally {
    closeSync(fd);
  }
}
