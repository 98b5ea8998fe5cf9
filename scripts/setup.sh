# What scripts/test.sh and scripts/quickstart.sh share; read with `.`, from the top of the checkout.

say() {
  printf '\n==> %s\n' "$*"
}

# need_commands COMMAND:PACKAGE... — installs the packages whose commands are missing (root on Debian),
# or names them and ends with status 6.
need_commands() {
  missing=''
  for pair in "$@"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null 2>&1 ||
      missing="$missing ${pair##*:}"
  done
  [ -s /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "These packages of Debian are missing:$missing" >&2
    echo "Install them as root: apt-get install --no-install-recommends$missing" >&2
    exit 6
  fi
  say "installing packages of Debian:$missing"
  log=$(mktemp)
  forbid_services
  # shellcheck disable=SC2086 # one word for each package
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends $missing; } </dev/null >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    rm -f "$log"
    allow_services
    echo 'Cannot install packages: apt-get failed' >&2
    exit 6
  fi
  rm -f "$log"
  allow_services
}

# Packages such as docker.io start their daemon when they are installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
has_policy=no
forbid_services() {
  [ ! -e "$policy" ] || return 0
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  has_policy=yes
}
allow_services() {
  [ "$has_policy" = no ] || rm -f "$policy"
  has_policy=no
}

# npm ci, unless node_modules is what package-lock.json asks for.
install_node_modules() {
  if [ -e node_modules/.package-lock.json ] &&
    [ -z "$(find package-lock.json -newer node_modules/.package-lock.json)" ]; then
    return 0
  fi
  say 'npm ci'
  npm ci --ignore-scripts --no-audit --no-fund
}
