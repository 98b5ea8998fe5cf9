import type { DifferentialCase } from '../case.ts';
import { leftBehind, REASON } from './reasons.ts';

const BASE = 'FROM diff/base:1\n';

/** RUN: forms, what steps leave behind, mounts. */
export const RUN_CASES: readonly DifferentialCase[] = [
  {
    name: 'shell form',
    dockerfile: `${BASE}RUN echo "a  b" $((1+2)) > /out && printf '%s\\n' '$x' >> /out\n`,
  },
  { name: 'exec form', dockerfile: `${BASE}RUN ["touch", "/a b", "/$x", "/ü"]\n` },
  { name: 'exec form, almost', dockerfile: `${BASE}RUN [ "a" = 'a' ] && touch /ok\n` },
  {
    name: 'exec form with PATH of the image',
    dockerfile: `${BASE}RUN mkdir /own && ln -s /bin/touch /own/t && ln -s /bin/busybox /own/touch\nENV PATH=/own:$PATH\nRUN ["touch", "/done"]\n`,
  },
  {
    name: 'a failing step',
    dockerfile: `${BASE}\nRUN exit 7\n`,
    expect: { refused: 'STEP_FAILED', docker: /exit code: 7/, line: 3 },
  },
  {
    name: 'a program that is not there',
    dockerfile: `${BASE}\nRUN ["/no/such"]\n`,
    expect: { refused: 'SANDBOX_START', docker: /./, line: 3 },
  },
  {
    name: 'environment of a step',
    dockerfile: `${BASE}ENV A=1\nARG B=2\nRUN env | grep -v -e HOSTNAME -e SHLVL -e _= | sort > /env\n`,
  },
  {
    name: 'environment with a home and user',
    dockerfile: `${BASE}USER app\nRUN env | grep -v -e HOSTNAME -e SHLVL -e _= | sort > /tmp/env\n`,
  },
  {
    name: 'host name',
    dockerfile: `${BASE}RUN hostname > /h; cat /etc/hostname > /h2 2>/dev/null || true\n`,
  },
  {
    name: 'names, addresses and links that a step is given',
    dockerfile: `${BASE}RUN cat /etc/hosts > /hosts; cat /etc/resolv.conf > /resolv; ls / > /root-names; ls -d /run/* > /runs 2>&1; readlink /dev/fd /dev/stdin /dev/ptmx > /links; ls /proc | grep -v '^[0-9]' > /proc-names; ls /sys > /sys-names\n`,
  },
  {
    name: 'nodes in /dev',
    dockerfile: `${BASE}RUN stat -c '%A %u:%g %t:%T %n' /dev/* /dev/pts/* > /nodes\n`,
  },
  {
    name: 'rights and limits of a step',
    dockerfile: `${BASE}RUN grep -E '^(Cap|NoNewPrivs|Seccomp:|Umask|SigBlk|SigIgn|SigCgt)' /proc/self/status > /status; grep -v 'open files' /proc/self/limits > /limits; cat /proc/self/oom_score_adj > /oom\n`,
  },
  {
    name: 'rights of a user of a step',
    dockerfile: `${BASE}USER app\nRUN grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status > /tmp/status\n`,
  },
  {
    name: 'how files and kernel views are mounted',
    dockerfile: `${BASE}RUN mkdir -p /run/secrets && touch /run/secrets/key\nRUN --mount=type=secret,id=key for at in /proc /sys /dev/pts /dev/shm /dev/mqueue /etc/hosts /etc/resolv.conf /run/secrets/key; do grep " $at " /proc/mounts | sed -E 's/^[^ ]+ ([^ ]+) .*(r[ow],(no[a-z]+,)*relatime).*/\\1 \\2/' >> /out; done\n`,
    secrets: { key: 'hidden' },
  },
  {
    name: 'removals and replacements',
    dockerfile:
      'FROM diff/rich:1\nUSER root\nRUN rm -r /opt/dir /opt/one && rm /opt/link && mkdir /opt/link /opt/dir && touch /opt/link/x\nRUN rm -r /opt/link && ln -s x /opt/link && rm -r /opt/shared\n',
  },
  {
    name: 'a directory is renamed',
    dockerfile:
      'FROM diff/rich:1\nUSER root\nRUN mv /opt/dir /opt/moved\nRUN mv /opt/moved/sub /opt/sub2\n',
  },
  {
    name: 'metadata changes only',
    dockerfile:
      'FROM diff/rich:1\nUSER root\nRUN chmod 600 /opt/owned && chown 5:6 /opt/dir/file && touch -d "2001-02-03 04:05:06" /opt/setgid\n',
  },
  {
    name: 'hard links and special files',
    dockerfile: `${BASE}RUN mkdir /d && echo x > /d/a && ln /d/a /d/b && ln -s a /d/c && mkfifo /d/p && mknod /d/n c 1 3 && chmod 4755 /d/a\n`,
  },
  {
    name: 'a link to a file of a layer below',
    dockerfile: 'FROM diff/rich:1\nUSER root\nRUN ln /opt/owned /opt/again\n',
  },
  { name: 'the default umask', dockerfile: `${BASE}RUN umask > /u; touch /f; mkdir /d\n` },
  { name: 'standard input is empty', dockerfile: `${BASE}RUN wc -c > /n\n` },
  {
    name: 'tmp and shm do not stay',
    dockerfile: `${BASE}RUN echo x > /dev/shm/x; echo y > /tmp/y\n`,
  },
  { name: 'a step that changes nothing', dockerfile: `${BASE}RUN true\nRUN ["true"]\n` },
  {
    name: 'continued lines in a command',
    dockerfile: `${BASE}RUN echo a && \\\n    # no\n\n  echo "b \\\n c" > /out\n`,
  },
  {
    name: 'a base image without mount points',
    dockerfile: 'FROM diff/noconfig:1\nRUN true\n',
    expect: leftBehind('/dev', '/proc', '/sys'),
  },
  {
    name: 'bind mount of the context',
    dockerfile: `${BASE}RUN --mount=target=/ctx cat /ctx/a /ctx/d/b > /out; touch /ctx/x 2>/dev/null || echo ro >> /out\n`,
    context: { a: 'a\n', 'd/b': 'b\n' },
    expect: leftBehind('/ctx'),
  },
  {
    name: 'bind mount of a part, with a source',
    dockerfile: `${BASE}RUN --mount=type=bind,source=d,target=/mnt/d ls /mnt/d > /out\nRUN --mount=type=bind,src=a,dst=/a cat /a > /out2\n`,
    context: { a: 'a\n', 'd/b': 'b\n' },
    expect: leftBehind('/mnt', '/mnt/d'),
  },
  {
    name: 'bind mount of a stage, written to',
    dockerfile: `FROM diff/base:1 AS s\nRUN mkdir /s && echo s > /s/f\n${BASE}RUN --mount=from=s,source=/s,target=/m,rw cat /m/f > /out && echo more > /m/g && cat /m/g >> /out\nRUN --mount=from=s,target=/m ls /m/s > /out2\n`,
    expect: leftBehind('/m'),
  },
  {
    name: 'bind mount of an image',
    dockerfile: `${BASE}RUN --mount=from=diff/rich:1,source=/opt,target=/m readlink /m/link > /out; ls /m/replaced >> /out\n`,
    expect: leftBehind('/m'),
  },
  {
    name: 'mount points are taken away',
    dockerfile: `${BASE}RUN --mount=target=/x/y/z true\nRUN mkdir /keep\nRUN --mount=target=/keep/it true\n`,
    context: { a: 'a' },
    expect: leftBehind('/keep/it', '/x', '/x/y', '/x/y/z'),
  },
  {
    name: 'tmpfs',
    dockerfile: `${BASE}RUN mkdir /t\nRUN --mount=type=tmpfs,target=/t echo x > /t/x && cat /t/x > /out && stat -c %a /t >> /out\n`,
  },
  {
    name: 'cache',
    dockerfile: `${BASE}RUN mkdir /c\nRUN --mount=type=cache,target=/c,id=diff-a echo x > /c/x\nRUN --mount=type=cache,target=/c,id=diff-a cat /c/x > /out; stat -c '%a %u %g' /c >> /out\n`,
  },
  {
    name: 'cache with mode and owner',
    dockerfile: `${BASE}RUN mkdir /c\nRUN --mount=type=cache,target=/c,id=diff-b,mode=700,uid=1000,gid=50 stat -c '%a %u %g' /c > /out\n`,
  },
  {
    name: 'cache that starts from a stage',
    dockerfile: `FROM diff/base:1 AS s\nRUN mkdir /s && echo s > /s/f\n${BASE}RUN mkdir /c\nRUN --mount=type=cache,target=/c,id=diff-c,from=s,source=/s cat /c/f > /out\n`,
  },
  {
    name: 'secret',
    dockerfile: `${BASE}RUN mkdir -p /run/secrets && touch /run/secrets/key\nRUN --mount=type=secret,id=key cat /run/secrets/key > /out; stat -c '%a %u %g' /run/secrets/key >> /out\n`,
    secrets: { key: 'hidden' },
  },
  {
    name: 'secret at a target with mode',
    dockerfile: `${BASE}RUN touch /s\nRUN --mount=type=secret,id=key,target=/s,mode=0444,uid=5,gid=6 cat /s > /out; stat -c '%a %u %g' /s >> /out\n`,
    secrets: { key: 'hidden2' },
  },
  {
    name: 'secret that is a program',
    dockerfile: `${BASE}RUN touch /s\nRUN --mount=type=secret,id=key,target=/s,mode=0555 /s > /out 2>&1 || echo refused > /out\n`,
    secrets: { key: '#!/bin/sh\necho started\n' },
    expect: {
      differs: ['file /out: content'],
      reason: REASON.secretProgram,
    },
  },
  {
    name: 'secret that is not given',
    dockerfile: `${BASE}RUN --mount=type=secret,id=none ls /run/secrets > /out 2>/dev/null || echo none > /out\n`,
  },
  {
    name: 'secret that is not given but required',
    dockerfile: `${BASE}\nRUN --mount=type=secret,id=none,required true\n`,
    expect: { refused: 'SECRET_MISSING', docker: /not found|required/, line: 3 },
  },
  {
    name: 'mounts with variables',
    dockerfile: `${BASE}ARG t=/m\nRUN --mount=target=$t ls $t > /out\n`,
    context: { a: 'a' },
    expect: { dockerRefuses: /./, reason: REASON.newLanguage, files: { '/out': 'a\n' } },
  },
  {
    name: 'mount of an unknown type',
    dockerfile: `${BASE}\nRUN --mount=type=nothing,target=/x true\n`,
    expect: { refused: 'INVALID_MOUNT', docker: /unsupported mount type/, line: 3 },
  },
  {
    name: 'here-document',
    dockerfile: `${BASE}RUN <<EOF\necho one > /out\necho two >> /out\nEOF\n`,
    expect: { dockerRefuses: /./, reason: REASON.newLanguage, files: { '/out': 'one\ntwo\n' } },
  },
  {
    name: 'here-document with another program',
    dockerfile: `${BASE}RUN <<EOF\n#!/bin/sed w/out\ntext\nEOF\n`,
    expect: {
      dockerRefuses: /./,
      reason: REASON.newLanguage,
      files: { '/out': '#!/bin/sed w/out\ntext\n' },
    },
  },
  {
    name: 'here-documents for a command and for COPY',
    dockerfile: `${BASE}ENV x=1\nRUN cat <<A > /a\n$x-\\$HOME\nA\nCOPY <<B <<'C' /d/\n$x\nB\n$x\nC\n`,
    expect: {
      dockerRefuses: /./,
      reason: REASON.newLanguage,
      files: { '/a': '1-$HOME\n', '/d/B': '1\n', '/d/C': '$x\n' },
    },
  },
];
