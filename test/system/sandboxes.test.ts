import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildWithEvents } from '../support/build-events.ts';
import { openBaseRig } from '../support/base-rig.ts';
import type { Rig } from '../support/cli.ts';

const ISOLATIONS = ['runc', 'crun', 'namespaces'] as const;
let rigs: Rig[] = [];

beforeAll(async () => {});

afterAll(async () => {
  for (const rig of rigs) await rig[Symbol.asyncDispose]();
});

const DOCKERFILE = `FROM busybox AS builder
WORKDIR /work
ENV GREETING="hello there"
COPY --chmod=755 script.sh .
RUN ./script.sh > out.txt
USER 1000:1000
RUN id > /tmp/id.txt
RUN ["/bin/sh", "-c", "ls /proc/self/fd > /dev/null && pwd > /tmp/pwd.txt"]
FROM scratch
COPY --from=builder /work /work
COPY --from=builder /tmp /tmp
CMD ["/work/script.sh"]
`;
/**
 * No names, times or numbers of the host may show in what a step writes. Runtimes differ only in whether
 * /dev has a link to /proc/kcore.
 */
const SCRIPT = `#!/bin/sh
echo "$GREETING"; pwd; id; umask; echo "$$"
touch made; chmod 4751 made; mkdir -p deep/er; ln -s ../made deep/link
env | grep -v ^HOSTNAME= | sort; ls -la /dev | awk '{print $1, $NF}' | grep -v kcore | sort
cat /proc/self/status | grep -E '^(Cap|NoNewPrivs|Seccomp:)' | sort
`;

test('Every way of isolating steps gives the same image', async () => {
  const digests = new Map<string, readonly string[]>();
  for (const isolation of ISOLATIONS) {
    const rig = await openBaseRig({ env: { SOURCE_DATE_EPOCH: '1700000000' } });
    rigs = [...rigs, rig];
    const context = rig.context({ Dockerfile: DOCKERFILE, 'script.sh': SCRIPT });
    const words = ['--isolation', isolation, '-t', 'same', context];
    const log = await buildWithEvents(rig, words);
    expect(log.status, log.stderr).toBe(0);
    expect(log.stderr).toContain(isolation === 'namespaces' ? 'Linux namespaces' : isolation);
    digests.set(isolation, log.images);
  }
  expect(digests.get('crun')).toEqual(digests.get('runc'));
  expect(digests.get('namespaces')).toEqual(digests.get('runc'));
});
