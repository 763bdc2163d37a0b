# shellcheck shell=bash
# Sourced by scripts/bench: an nginx of its own, which serves files and swallows what is posted.
# shellcheck disable=SC2154  # work and servers are set there.

# Installing nginx starts it and has it started at every boot, unless it is told not to.
install_nginx() {
  local policy=/usr/sbin/policy-rc.d status=0
  [[ -e $policy ]] ||
    { printf '#!/bin/sh\nexit 101\n' >"$work/policy" && as_root install -m 755 "$work/policy" "$policy"; }
  as_root apt-get update -qq && apt_install nginx-light || status=$?
  [[ ! -e $work/policy ]] || as_root rm "$policy"
  ((status == 0)) && as_root update-rc.d nginx disable
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Starts it over bench-data; sets url.
start_nginx() {
  local port
  command -v nginx >/dev/null || install_nginx
  port=$(free_port)
  sed "s|@folder@|$work|; s|@port@|$port|; s|@data@|$PWD/bench-data|" scripts/lib/bench/nginx.conf >"$work/nginx.conf"
  nginx -c "$work/nginx.conf" -e "$work/nginx.log" &
  servers+=($!)
  url=http://127.0.0.1:$port
  for _ in {1..50}; do
    curl -sf -o /dev/null "$url/sink/" && return
    sleep 0.1
  done
  cat "$work/nginx.log" >&2
  exit 70
}
