# shellcheck shell=bash
# Sourced by scripts/bench: measures how long the source is busy if the destination is slow.
# shellcheck disable=SC2154  # bin, work and scale are set there.

read_ahead_values=240000
# The seconds that a push of so many values may take.
read_ahead_seconds=300

# Reads the lines of its input evenly, for as long as the destination would take.
slow_reader() { # SECONDS
  python3 -c '
import sys, time
steps = 500
lines = sys.stdin.buffer
for step in range(steps):
    for _ in range(int(sys.argv[1]) // steps):
        lines.readline()
    time.sleep(float(sys.argv[2]) / steps)
for _ in lines: pass
' "$read_ahead_values" "$1"
}

# busy_seconds READER…: pulls into a reader; prints how long the source worked on the export.
busy_seconds() {
  local begin=$EPOCHREALTIME end
  # Without compression: the whole answer in gzip would fit into the buffers of the connection.
  "$bin/d2-pull" --url "$address" --quiet --data-set "$set" --org-unit "$root" --children --include-deleted \
    --compression none --start-date 2022-01-01 --end-date 2024-12-31 --no-check "${options[@]}" | "$@" >/dev/null &
  # Wait until it has begun, then until it is over.
  while (($(curl -sf "$address/control/stats" | jq .running) == 0)); do sleep 0.02; done
  while (($(curl -sf "$address/control/stats" | jq .running) > 0)); do sleep 0.05; done
  end=$EPOCHREALTIME
  wait $!
  awk "BEGIN { printf \"%.2f\", (${end/./} - ${begin/./}) / 1e6 }"
}

measure_read_ahead() {
  local address set root options=() row seconds ratio first bar
  export D2_USERNAME=admin D2_PASSWORD=district
  start_stand_in "$work/address" --generate 600 --years 2022..2024 --generate-values 700000 --version 2.42 \
    --cost-model 2.42 --cost-scale "$scale"
  address=$(<"$work/address")
  set=$(curl -sSf -u admin:district "$address/api/dataSets.json?filter=code:eq:MONTH&fields=id" |
    jq -r '.dataSets[0].id')
  root=$(curl -sSf -u admin:district "$address/api/organisationUnits.json?filter=code:eq:LAND&fields=id" |
    jq -r '.organisationUnits[0].id')
  printf '\n## Read-ahead (%d values; a reader that takes %s s)\n\n' \
    "$read_ahead_values" "$(awk "BEGIN { print $read_ahead_seconds * $scale }")"
  echo "| | source busy | × unhindered |"
  echo "|---|--:|--:|"
  for row in "cat" "slow reader" "slow reader, --read-ahead 0"; do
    options=(--limit "$read_ahead_values")
    [[ $row != *--read-ahead* ]] || options+=(--read-ahead 0)
    case $row in
      cat) seconds=$(busy_seconds cat) && first=$seconds ;;
      *) seconds=$(busy_seconds slow_reader "$(awk "BEGIN { print $read_ahead_seconds * $scale }")") ;;
    esac
    ratio=$(awk "BEGIN { printf \"%.2f\", $seconds / $first }")
    [[ $row != "slow reader" ]] || bar=$ratio
    echo "| d2-pull \\| $row | $seconds s | $ratio |"
  done
  printf '\n| bar | measured | |\n|---|--:|---|\n| %s | %s × | %s |\n' \
    "Read-ahead: behind a slow reader the source is busy at most 1.3 × as long" "$bar" \
    "$(awk "BEGIN { print $bar <= 1.3 ? \"met\" : \"**missed**\" }")"
  stop_servers
}
