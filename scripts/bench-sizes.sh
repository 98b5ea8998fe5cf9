#!/bin/sh
# Measures the examples and writes docs/sizes.md: `npm run bench:sizes`.
set -eu
cd "$(dirname "$0")/.."
. scripts/setup.sh

need_commands \
  crun:crun mmdebstrap:mmdebstrap busybox:busybox-static slirp4netns:slirp4netns \
  unshare:util-linux ip:iproute2 tar:tar
install_node_modules
npm run --silent build
exec node --import tsx bench/sizes.ts "$@"
