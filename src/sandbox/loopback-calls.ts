import type { LaunchProgram } from './launcher/program.ts';

/** Adds the calls that switch on `lo` in a new network namespace. No descriptor above 3 may be open. */
export function bringLoopbackUp(program: LaunchProgram): void {
  const [AF_INET, SOCK_DGRAM, SIOCSIFFLAGS, IFF_UP, SOCKET_FD] = [2, 2, 0x8914, 1, 4];
  // struct ifreq: name, then flags.
  const request = Buffer.alloc(40);
  request.write('lo', 0, 'latin1');
  request.writeUInt16LE(IFF_UP, 16);
  program.expect('socket', [AF_INET, SOCK_DGRAM, 0], SOCKET_FD, 'opening the loopback');
  program.call('ioctl', [SOCKET_FD, SIOCSIFFLAGS, request], 'bringing the loopback up');
  program.call('close', [SOCKET_FD], 'closing the loopback');
}
