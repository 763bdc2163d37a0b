# shellcheck shell=bash
# Sourced by scripts that start stand-in servers.

# The processes to end.
servers=()

# Starts a stand-in, and writes its address to a file.
start_stand_in() { # FILE OPTION…
  rm -f "$1"
  dhis2-stand-in "${@:2}" >"$1" &
  servers+=($!)
  await_lines "$1" 1
}

# Waits until a file has so many lines.
await_lines() { # FILE LINES
  local n
  for ((n = 0; n < 600; n++)); do
    [[ ! -e $1 ]] || (($(wc -l <"$1") < $2)) || return 0
    sleep 0.1
  done
  echo "${0##*/}: nothing was written to $1 in a minute" >&2 && exit 70
}

stop_servers() {
  ((${#servers[@]} == 0)) || { kill "${servers[@]}"; wait "${servers[@]}"; } || true
  servers=()
} 2>/dev/null
