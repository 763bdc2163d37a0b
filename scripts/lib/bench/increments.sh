# shellcheck shell=bash
# Sourced by scripts/bench: measures increments every ten minutes of a simulated day, and a day with a million changes.
# shellcheck disable=SC2154  # work is set there.

increment_rounds=${D2_BENCH_ROUNDS:-144}
increment_changes=${D2_BENCH_CHANGES:-1000000}
# The servers' clocks, which the rounds advance.
increment_clock=2025-03-15T06:00:00

# Starts two servers with the same values and ten data sets: the elements of the monthly report are divided among five.
start_increments() { # VERSION VALUES SOURCE_OPTION…
  local country=(--generate 600 --years 2023..2024 --version "$1" --clock "$increment_clock" --generate-values "$2")
  start_stand_in "$work/source" "${country[@]}" "${@:3}"
  start_stand_in "$work/destination" "${country[@]}" "${@:3}"
  source=$(<"$work/source") destination=$(<"$work/destination")
  month=$(ask "$source/api/dataSets.json?filter=code:eq:MONTH&fields=id,dataSetElements,organisationUnits" |
    jq -c '.dataSets[0]')
  jq -c '
    .id as $id | .organisationUnits as $units | [.dataSetElements[].dataElement | {dataElement: {id}}] as $all |
    {dataSets: [range(5) as $n | {
      id: (if $n == 0 then $id else "MonthlyPar\($n)" end), periodType: "Monthly", openFuturePeriods: 1,
      code: (if $n == 0 then "MONTH" else "MONTH\($n)" end), name: "Monthly health report, part \($n + 1)",
      dataSetElements: [$all | to_entries[] | select(.key % 5 == $n) | .value],
      organisationUnits: [$units[] | {id}]}]}' <<<"$month" >"$work/metadata.json"
  for each in "$source" "$destination"; do
    curl -sSf -o /dev/null --data-binary @"$work/metadata.json" "$each/control/metadata"
  done
  set_of_month=$(jq -r .id <<<"$month")
  root=$(ask "$source/api/organisationUnits.json?filter=level:eq:1&fields=id" | jq -r '.organisationUnits[0].id')
  rm -f "$work/increments.sqlite"*
  export D2_STORE=$work/increments.sqlite
  d2-pairs add bench --quiet --source-url "$source" --source-username admin --source-password env:D2_PASSWORD \
    --destination-url "$destination" --destination-username admin --destination-password env:D2_PASSWORD >/dev/null
}
ask() { curl -sSf -u admin:district "$@"; }

move_clocks() { # SECONDS
  local each
  for each in "$source" "$destination"; do
    curl -sSf -o /dev/null -d "{\"advanceSeconds\": $1}" "$each/control/clock"
  done
}

# Changes so many values of the monthly report at the source, as data entry would.
change_values() { # NUMBER [DATA_SET]
  d2-pull --url "$source" --quiet --data-set "${2-$set_of_month}" --org-unit "$root" --children \
    --start-date 2024-01-01 --end-date 2024-12-31 |
    jq -c 'select(.deleted != true and (.value | test("^[0-9]{1,4}$")))
      | {dataElement, period, orgUnit, categoryOptionCombo, attributeOptionCombo,
         value: (.value | tonumber + 1 | tostring)}' | awk -v most="$1" 'NR <= most' >"$work/changes.ndjson"
  (($(wc -l <"$work/changes.ndjson") == $1)) || { echo "bench: too few values to change" >&2 && exit 70; }
  d2-push --url "$source" --quiet <"$work/changes.ndjson" >/dev/null
}

# increment NAME CHANGED: runs one round, and notes the cost.
increment() {
  local begun ended
  for each in "$source" "$destination"; do curl -sSf -o /dev/null -X POST "$each/control/reset-stats"; done
  begun=$EPOCHREALTIME
  scripts/sync bench >"$work/sync" 2>&1 || { tail -n 5 "$work/sync" >&2 && exit 70; }
  ended=$EPOCHREALTIME
  jq -nc --arg version "$version" --arg name "$1" --argjson changed "$2" \
    --argjson seconds "$(bc <<<"scale=3; ($ended - $begun) / 1")" \
    --slurpfile source <(curl -sSf "$source/control/stats") \
    --slurpfile destination <(curl -sSf "$destination/control/stats") '
      {$version, $name, $changed, $seconds, pushed: ($destination[0].importSizes | add // 0),
       reads: ([$source[0].requests | to_entries[] | select(.key | test("GET .*dataValueSets")) | .value] | add // 0),
       sent: $source[0].valuesSent,
       requests: ($source + $destination | map(.requests | add // 0) | add),
       logins: ($source + $destination | map(.logins) | add)}' >>"$work/increments.jsonl"
  echo "bench: $version, $1: $(tail -n 1 "$work/increments.jsonl" | jq -r '"\(.seconds) s, \(.requests) requests"')" >&2
}

# Runs a day of rounds, with changes every hour, to servers that take as long as real ones.
measure_day() { # VERSION
  local version=$1 round changed
  start_increments "$version" 20000 --cost-model "$version"
  increment "first" 20000
  for ((round = 1; round <= increment_rounds; round++)); do
    move_clocks 600
    changed=0
    if ((round % 6 == 3)); then changed=100 && change_values $changed; fi
    increment "round" $changed
  done
  stop_servers
}

# Runs a day on which all values change in the morning, and then a thousand more after that increment.
measure_busy_day() { # VERSION
  local version=$1
  start_increments "$version" "$increment_changes"
  # Enter all values of the source now.
  curl -sSf "$source/control/values" | sed -E 's/,"(lastUpdated|created)":"[^"]*"//g' >"$work/all.ndjson"
  curl -sSf -o /dev/null -X DELETE "$source/control/values"
  curl -sSf -o /dev/null --data-binary @"$work/all.ndjson" "$source/control/values"
  rm "$work/all.ndjson"
  # Longer than an increment looks back.
  move_clocks 7200
  increment "all" "$increment_changes"
  move_clocks 300
  # From two data sets: d2-pull repeats a request whose answer has exactly a thousand values, because it may be cut off.
  change_values 600
  change_values 400 MonthlyPar1
  move_clocks 300
  increment "busy" 1000
  stop_servers
}

measured_increments() {
  export D2_USERNAME=admin D2_PASSWORD=district
  for_versions measure_busy_day
  for_versions measure_day
  python3 scripts/lib/bench/increments_report.py "$work/increments.jsonl"
}
