import { openSandbox } from '../sandbox/choose-sandbox.ts';
import { busyboxSnapshotter } from './busybox-snapshotter.fixture.ts';
import { superviseContainer } from './detached.ts';

/** What the command line does for a detached container: `node --import tsx <this> <root> <id>`. */
const [, , root = '', id = ''] = process.argv;
const stop = new AbortController();
process.on('SIGTERM', () => {
  stop.abort(new Error('stopped'));
});
void openSandbox({
  isolation: 'namespaces',
  env: process.env,
  cacheDir: undefined,
  signal: stop.signal,
}).then((sandbox) =>
  superviseContainer(
    id,
    {
      root,
      snapshotter: busyboxSnapshotter(root),
      sandbox,
      searchPath: '/usr/bin',
      now: () => new Date(),
      output: process.stdout,
    },
    stop.signal,
  ),
);
