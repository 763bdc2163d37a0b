# shellcheck shell=bash
# Sourced by scripts/bench: measures d2's own cost for each of half a million slices, most of which hold nothing.
# shellcheck disable=SC2154  # work is set there.

# The CPU seconds of a process so far.
cpu_of() { # PID
  awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / tick }' "/proc/$1/stat"
}

# measure_slices STORE_NAME STORE: plans and runs slices in that store, and notes the cost; the servers take no time.
measure_slices() {
  local name=$1 count=${D2_BENCH_SLICES:-500000} zones from source destination pids=() before after wall cpu planned
  export D2_STORE=$2 D2_USERNAME=admin D2_PASSWORD=district
  start_stand_in "$work/source" --generate 2000 --years 2022..2022 --generate-values 20000
  pids+=("${servers[-1]}")
  start_stand_in "$work/destination" --generate 2000 --years 2022..2022
  pids+=("${servers[-1]}")
  source=$(<"$work/source") destination=$(<"$work/destination")
  d2-pairs add bench --quiet --source-url "$source" --source-username admin --source-password env:D2_PASSWORD \
    --destination-url "$destination" --destination-username admin --destination-password env:D2_PASSWORD >/dev/null
  d2-orgunits sync --pair bench --level Zone --quiet >/dev/null
  d2-datasets sync --pair bench --quiet >/dev/null
  # Each zone has 53 slices a year: choose as many years as give the wanted number.
  zones=$(d2-orgunits list --pair bench | jq -r 'select(.active) | .id' | wc -l)
  from=$((2024 - count / (zones * 53)))
  before=$EPOCHREALTIME
  planned=$(d2-slices plan --pair bench --from "$from-01-01" --to 2024-12-31 --quiet | jq .planned)
  after=$EPOCHREALTIME
  echo "bench: $name: $planned slices planned in $(bc <<<"$after - $before") s" >&2
  before=$(cpu_of "${pids[0]}")\ $(cpu_of "${pids[1]}")
  # Includes what d2-slices starts: d2-pull and d2-push.
  /usr/bin/time -f '%e %U %S' -o "$work/time" d2-slices run --pair bench --quiet >/dev/null 2>"$work/stderr" ||
    { tail -n 5 "$work/stderr" >&2 && exit 70; }
  after=$(cpu_of "${pids[0]}")\ $(cpu_of "${pids[1]}")
  read -r wall cpu < <(tail -n 1 "$work/time" | awk '{ print $1, $2 + $3 }')
  jq -nc --arg name "$name" --argjson planned "$planned" --argjson wall "$wall" --argjson cpu "$cpu" \
    --argjson server "$(awk '{ print $3 + $4 - $1 - $2 }' <<<"$before $after")" \
    --argjson counts "$(d2-slices status --pair bench --quiet | jq -sc .)" \
    --slurpfile source <(curl -sSf "$source/control/stats") \
    --slurpfile destination <(curl -sSf "$destination/control/stats") '
      {$name, $planned, $wall, $cpu, $server,
       requests: ($source + $destination | map(.requests | add // 0) | add),
       done: ($counts | map(.done) | add),
       logins: ($source + $destination | map(.logins) | add),
       values: ($destination[0].importSizes | add // 0)}' >>"$work/slices.jsonl"
  jq -r '"bench: \(.name): \(.done) of \(.planned) slices done in \(.wall) s"' <(tail -n 1 "$work/slices.jsonl") >&2
  stop_servers
}

measured_slices() {
  [[ -x /usr/bin/time ]] || apt_install time
  measure_slices SQLite "$work/slices.sqlite"
  export -f measure_slices cpu_of start_stand_in await_lines stop_servers
  # shellcheck disable=SC2016
  work=$work scripts/lib/test-postgresql bash -c 'set -euo pipefail
    servers=() && trap stop_servers EXIT && measure_slices PostgreSQL "$D2_TEST_POSTGRESQL"'
  python3 scripts/lib/bench/slices_report.py "$work/slices.jsonl"
}
