# shellcheck shell=bash
# Sourced by scripts/bench: the ledger with half a million slices.
# shellcheck disable=SC2154  # work is set there.

# measure_ledger: needs a PostgreSQL ($D2_TEST_POSTGRESQL), $work and start_stand_in.
measure_ledger() {
  set -euo pipefail
  local address
  export D2_STORE=$D2_TEST_POSTGRESQL D2_USERNAME=admin D2_PASSWORD=district
  trap 'kill "${servers[@]}"' EXIT
  start_stand_in "$work/address" --generate 2000 --years 2022..2022
  address=$(<"$work/address")
  d2-pairs add bench --quiet --source-url "$address" --source-username admin --source-password env:D2_PASSWORD \
    --destination-url "$address" --destination-username admin --destination-password env:D2_PASSWORD >/dev/null
  d2-orgunits sync --pair bench --level Zone --quiet >/dev/null
  d2-datasets sync --pair bench --quiet >/dev/null
  timed() { # NAME COMMAND…
    local begin=$EPOCHREALTIME name=$1 end
    shift
    "$@" >"$work/out" 2>"$work/err" || [[ $? == 1 ]] || { cat "$work/err" >&2 && return 1; }
    end=$EPOCHREALTIME
    printf '| %s | %s s |\n' "$name" "$(awk "BEGIN { print (${end/./} - ${begin/./}) / 1e6 }")"
  }
  # The number of years that gives half a million slices.
  local zones from
  zones=$(d2-orgunits list --pair bench | jq -r 'select(.active) | .id' | wc -l)
  from=$((2024 - 500000 / (zones * 53)))
  echo
  echo "## The ledger on PostgreSQL"
  echo
  echo "| | |"
  echo "|---|--:|"
  timed "d2-slices plan" d2-slices plan --pair bench --from "$from-01-01" --to 2024-12-31
  printf '| slices | %s |\n' "$(jq .planned "$work/out")"
  timed "the same again" d2-slices plan --pair bench --from "$from-01-01" --to 2024-12-31
  timed "d2-slices status" d2-slices status --pair bench
  # Sixteen workers whose slices take a moment, so that the processes that they start are not measured.
  d2-slices run --pair bench --jobs 16 --force-concurrency --max-slices 3000 --trust-status --verbose -- 'sleep 0.3' \
    2>"$work/claims" >/dev/null || true
  grep -o 'claimed in [0-9]* ' "$work/claims" | awk '{ print $3 }' | sort -n |
    awk '{ all[NR] = $1 } END {
      printf "| a claim, 16 workers: median of %d | %.1f ms |\n", NR, all[int((NR + 1) / 2)] / 1000
      printf "| the 95th percentile | %.1f ms |\n", all[int(NR * 0.95)] / 1000 }'
  timed "d2-slices status" d2-slices status --pair bench
  timed "d2-slices report --html" d2-slices report --pair bench --html "$work/report.html"
}
