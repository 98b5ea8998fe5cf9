import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A web server in a network of its own, joined to this machine's by a cable. */
export interface FarServer extends AsyncDisposable {
  /** Its IPv4 address. */
  readonly address: string;
}

/** Numbers of this address range are for tests of networks (RFC 2544). */
const RANGE = '198.18';
const SCRIPT = `
  const answer = (request, response) => response.end('hello from afar\\n');
  const { KEY: key, CERT: cert } = process.env;
  require('node:http').createServer(answer).listen(80);
  if (key) require('node:https').createServer({ key, cert }, answer).listen(443);
  process.stdin.on('end', () => process.exit()).resume();
  process.stdout.write('ready');
`;

/** The address that the server of this process will have, to be put into a certificate. */
export function farAddress(): string {
  return `${RANGE}.${String(process.pid % 250)}.2`;
}

/** Starts one that answers every path, on port 80 and, with a certificate, on 443. Only root can. */
export async function startFarServer(tls?: {
  readonly key: string;
  readonly cert: string;
}): Promise<FarServer> {
  const address = farAddress();
  const env = { PATH: process.env['PATH'], KEY: tls?.key ?? '', CERT: tls?.cert ?? '' };
  const child = spawn('unshare', ['--net', process.execPath, '-e', SCRIPT], { env, stdio: 'pipe' });
  const ended = once(child, 'exit');
  child.stderr.pipe(process.stderr);
  await Promise.race([once(child.stdout, 'data'), ended]);
  const cable = `far${String(process.pid % 100_000)}`;
  const ip = (...words: string[]): void => void execFileSync('ip', words);
  const inside = ['--target', String(child.pid), '--net', 'ip'];
  ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'cable', 'netns', String(child.pid));
  ip('address', 'add', `${address.replace(/2$/, '1')}/30`, 'dev', cable);
  ip('link', 'set', cable, 'up');
  execFileSync('nsenter', [...inside, 'address', 'add', `${address}/30`, 'dev', 'cable']);
  execFileSync('nsenter', [...inside, 'link', 'set', 'cable', 'up']);
  return {
    address,
    async [Symbol.asyncDispose]() {
      // With its network goes the cable.
      child.stdin.end();
      await ended;
    },
  };
}
