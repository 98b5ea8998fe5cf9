#!/bin/sh
# Builds and runs every Dockerfile and every command line of the tutorials: `npm run test:seeds`; with
# `-- --quick`, the part that `npm test` runs. As root on Debian it installs what is missing.
set -eu
cd "$(dirname "$0")/.."
. scripts/setup.sh

need_commands \
  crun:crun docker-registry:docker-registry mmdebstrap:mmdebstrap busybox:busybox-static \
  slirp4netns:slirp4netns unshare:util-linux script:bsdutils curl:curl ip:iproute2 tar:tar
install_node_modules
npm run --silent build
exec node --import tsx test/seeds/run.ts "$@"
