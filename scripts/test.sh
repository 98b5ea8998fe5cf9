#!/bin/sh
# Every test, from a fresh clone: `npm test`. As root on Debian it installs what is missing; as an
# ordinary user it says what is. Stops at the first failure, with its status.
set -eu
cd "$(dirname "$0")/.."
. scripts/setup.sh

need_commands \
  runc:runc crun:crun docker-registry:docker-registry mmdebstrap:mmdebstrap \
  qemu-aarch64-static:qemu-user-static busybox:busybox-static skopeo:skopeo umoci:umoci bwrap:bubblewrap podman:podman dockerd:docker.io docker:docker.io newuidmap:uidmap slirp4netns:slirp4netns \
  unshare:util-linux script:bsdutils ssh-agent:openssh-client sshd:openssh-server ip:iproute2 git:git openssl:openssl tar:tar setfattr:attr mkfs.ext4:e2fsprogs curl:curl bzip2:bzip2 xz:xz-utils zstd:zstd
install_node_modules

say 'build'
npm run --silent build
for step in typecheck lint format knip unit system; do
  say "$step"
  npm run --silent "$step"
done
say 'seeds (the quick part)'
node --import tsx test/seeds/run.ts --quick
say 'all tests passed'
