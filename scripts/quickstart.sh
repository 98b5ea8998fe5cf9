#!/bin/sh
# Builds the Go service of examples/ once in one stage and once in two, compares the images and runs the
# small one: `npm run quickstart`. Uses the real golang image when Docker Hub answers; else, as root on
# Debian, it makes one from Debian's packages. Keeps what it made in .cache/ of the checkout.
set -eu
cd "$(dirname "$0")/.."
. scripts/setup.sh

if node scripts/hub-answers.mjs; then
  say 'Docker Hub answers: using its golang image'
  base=hub
else
  say 'Docker Hub does not answer: a golang image made from Debian packages will stand in'
  base=stand-in
  need_commands mmdebstrap:mmdebstrap tar:tar
fi
install_node_modules

say 'npm run build'
npm run --silent build
exec node --import tsx test/support/quickstart.ts "$base"
