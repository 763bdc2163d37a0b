# shellcheck shell=bash
# Sourced by scripts/bench: starts an nginx that serves files and discards what is posted.
# shellcheck disable=SC2154  # work and servers are set there.

# Install nginx without starting it, now or at boot.
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

# Make an authority for this run, and its certificate for servers on 127.0.0.1.
make_certificates() {
  [[ ! -e $work/server.pem ]] || return 0
  local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
  {
    openssl req -x509 "${key[@]}" -days 2 -subj '/CN=Authority of a measurement' \
      -addext keyUsage=critical,keyCertSign,cRLSign \
      -keyout "$work/authority.key" -out "$work/authority.pem"
    openssl req "${key[@]}" -subj /CN=localhost -keyout "$work/server.key" -out "$work/server.csr"
    # As strict as Python 3.13 requires.
    printf '%s\n' 'subjectAltName = IP:127.0.0.1, DNS:localhost' 'keyUsage = critical, digitalSignature' \
      'subjectKeyIdentifier = hash' 'authorityKeyIdentifier = keyid' >"$work/server.ext"
    openssl x509 -req -in "$work/server.csr" -CA "$work/authority.pem" -CAkey "$work/authority.key" -CAcreateserial \
      -days 2 -extfile "$work/server.ext" -out "$work/server.pem"
  } 2>"$work/openssl.log" || { cat "$work/openssl.log" >&2 && exit 70; }
}

# Puts TLS before two servers; sets source_port and destination_port.
start_tls() { # FOLDER SOURCE DESTINATION
  command -v nginx >/dev/null || install_nginx
  make_certificates
  source_port=$(free_port) destination_port=$(free_port)
  sed "s|@folder@|$1|; s|@work@|$work|; s|@source@|$2|; s|@destination@|$3|; s|@source-port@|$source_port|
    s|@destination-port@|$destination_port|" scripts/lib/bench/tls.conf >"$1/tls.conf"
  nginx -c "$1/tls.conf" -e "$1/tls.log" &
  servers+=($!)
  for _ in {1..50}; do
    curl -s -o /dev/null --cacert "$work/authority.pem" "https://127.0.0.1:$destination_port/" && return
    sleep 0.1
  done
  cat "$1/tls.log" >&2
  exit 70
}
