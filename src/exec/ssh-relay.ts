import { chmodSync, chownSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';

/** Where a step's end of an agent is made, and for whom. */
export interface SshRelayOptions {
  /** Host path of the socket to make. */
  readonly path: string;
  /** Host path of the agent's own socket. */
  readonly agent: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Connections of one step at the same time. */
const MAX_CONNECTIONS = 64;
/** Longest message, as in OpenSSH (AGENT_MAX_LEN in ssh-agent.c). */
const MAX_MESSAGE_BYTES = 256 * 1024;
const LENGTH_BYTES = 4;

/** Requests that a step may make (draft-ietf-sshm-ssh-agent, 6.1): list the keys, and sign. */
const ALLOWED_REQUESTS: ReadonlySet<number> = new Set([11, 13]);
/** SSH_AGENT_FAILURE. */
const FAILURE = Buffer.from([0, 0, 0, 1, 5]);

/**
 * A socket at which a step finds an SSH agent. It passes on what an SSH client needs, and refuses the
 * rest itself: a step can use keys, but not add, remove or lock them.
 *
 * @throws the error of listen(2)
 */
export async function openSshRelay(options: SshRelayOptions): Promise<AsyncDisposable> {
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.once('close', () => clients.delete(client));
    void serve(client, options.agent);
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.path, resolve);
  });
  chownSync(options.path, options.uid, options.gid);
  chmodSync(options.path, options.mode);
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const client of clients) client.destroy();
      await closed;
    },
  };
}

/** One request after the other, as the protocol has it. What goes wrong ends this connection alone. */
async function serve(client: Socket, agentPath: string): Promise<void> {
  const agent = createConnection(agentPath);
  // An error ends the iteration below or, between two messages, only closes the socket.
  for (const socket of [client, agent]) socket.on('error', () => socket.destroy());
  client.once('close', () => agent.destroy());
  try {
    const replies = messages(agent);
    for await (const request of messages(client)) {
      if (!ALLOWED_REQUESTS.has(request[LENGTH_BYTES] ?? 0)) {
        client.write(FAILURE);
        continue;
      }
      agent.write(request);
      const reply = await replies.next();
      if (reply.done === true) return;
      client.write(reply.value);
    }
  } catch {
    // A connection that broke: the other side sees it closed.
  } finally {
    client.destroy();
    agent.destroy();
  }
}

/** Whole messages with their length in front. Ends at one that is too long to be one. */
async function* messages(socket: Socket): AsyncGenerator<Buffer> {
  let pending = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= LENGTH_BYTES) {
      const length = pending.readUInt32BE(0);
      if (length === 0 || length > MAX_MESSAGE_BYTES) return;
      const end = LENGTH_BYTES + length;
      if (pending.length < end) break;
      yield pending.subarray(0, end);
      pending = pending.subarray(end);
    }
  }
}
