import { closeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { declareNative } from './ffi.ts';
import type { ConnectAnswer, ConnectRequest } from './network-connector.ts';
import { CLONE, hasCode, setns } from './sys.ts';

/*
 * A thread that stays in a network namespace and opens connections there: the program of
 * network-connector.ts. Descriptors are of the whole process, so whoever asked can use them.
 */

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const LOOPBACK = 0x7f000001;

const socketCall = declareNative('socket', ['int', 'int', 'int']);
const connectCall = declareNative('connect', ['int', 'void *', 'uint']);

const parent = parentPort;
if (parent === null) throw new TypeError('This module is the program of a thread');

parent.on('message', (request: ConnectRequest) => {
  parent.postMessage(answer(request));
});

function answer(request: ConnectRequest): ConnectAnswer {
  const { id } = request;
  try {
    if (request.kind === 'connect') return { id, fd: connectLoopback(request.port) };
    setns(request.fd, CLONE.NEWNET);
    return { id, fd: request.fd };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

/** A descriptor that does not block, and may still be connecting. */
function connectLoopback(port: number): number {
  const fd = socketCall(undefined, [AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0]);
  // struct sockaddr_in: family, port and address in network order.
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.writeUInt32BE(LOOPBACK, 4);
  try {
    connectCall(undefined, [fd, address, address.length]);
  } catch (error) {
    if (!hasCode(error, 'EINPROGRESS')) {
      closeSync(fd);
      throw error;
    }
  }
  return fd;
}
