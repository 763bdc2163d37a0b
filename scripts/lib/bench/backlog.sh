# shellcheck shell=bash
# Sourced by scripts/bench: the same backlog moved over a long, narrow link by d2 and by what else people use.
# shellcheck disable=SC2154  # bin and work are set there.

# Of 200,000 values in all 44,410 are the monthly report of 120 organisation units over five years: the backlog.
backlog_values=${D2_BENCH_BACKLOG:-200000}
backlog_country=(--generate 120 --years 2020..2024)
backlog_from=2020-01-01
backlog_to=2024-12-31
round_trip=0.15
link_rate=2000000

# Both servers with the costs of a version behind the link, which is $source_url and $destination then; direct are their
# own addresses.
start_scene() { # VERSION
  start_stand_in "$work/source" "${backlog_country[@]}" --version "$1" --cost-model "$1" \
    --generate-values "$backlog_values"
  start_stand_in "$work/destination" "${backlog_country[@]}" --version "$1" --cost-model "$1"
  source_direct=$(<"$work/source") destination_direct=$(<"$work/destination")
  rm -f "$work/link"
  python3 scripts/lib/bench/link.py --round-trip $round_trip --rate $link_rate "${source_direct#http://}" \
    "${destination_direct#http://}" >"$work/link" &
  link=$!
  servers+=("$link")
  await_lines "$work/link" 2
  { read -r source_url && read -r destination; } <"$work/link"
}

ask() { curl -sSf -u admin:district "$@"; }

# What the backlog is: its data set, whose units are those below the root, by district, and its periods.
look_at_country() {
  data_set=$(ask "$source_direct/api/dataSets.json?filter=code:eq:MONTH&fields=id" | jq -r '.dataSets[0].id')
  root=$(ask "$source_direct/api/organisationUnits.json?filter=level:eq:1&fields=id" | jq -r '.organisationUnits[0].id')
  districts=$(ask "$source_direct/api/organisationUnits.json?filter=level:eq:3&fields=id&paging=false" |
    jq -r '[.organisationUnits[].id] | join(",")')
  periods=$(for year in {2020..2024}; do printf "$year%02d\n" {1..12}; done | paste -sd,)
  # What should arrive in the end; the generated country has no deleted values in it.
  D2_USERNAME=admin D2_PASSWORD=district "$bin/d2-pull" --url "$source_direct" --quiet --data-set "$data_set" \
    --org-unit "$root" \
    --children --start-date $backlog_from --end-date $backlog_to | jq -r "$key_of_value" | sort >"$work/expected"
}
key_of_value='[.dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .value] | @tsv'

# backlog_row VERSION NAME COMMAND…: runs it in a scene of its own, and notes what it took.
backlog_row() {
  local version=$1 name=$2 begun ended
  shift 2
  start_scene "$version"
  [[ -e $work/expected ]] || look_at_country
  ask -X POST "$source_direct/control/reset-stats" >/dev/null
  ask -X POST "$destination_direct/control/reset-stats" >/dev/null
  begun=$EPOCHREALTIME
  D2_USERNAME=admin D2_PASSWORD=district "$@" >"$work/stdout" 2>"$work/stderr" ||
    { echo "bench: $name failed:" && tail -n 5 "$work/stderr"; } >&2
  ended=$EPOCHREALTIME
  ask "$source_direct/control/stats" >"$work/source.json"
  ask "$destination_direct/control/stats" >"$work/destination.json"
  ask "$destination_direct/control/values" | jq -r "$key_of_value" | sort >"$work/arrived"
  { kill "$link" && wait "$link"; } || true
  jq -nc --arg version "$version" --arg name "$name" --argjson seconds "$(bc <<<"scale=3; $ended - $begun")" \
    --argjson expected "$(wc -l <"$work/expected")" \
    --argjson arrived "$(comm -12 "$work/expected" "$work/arrived" | wc -l)" \
    --argjson link "$(tail -n 1 "$work/link")" --slurpfile source "$work/source.json" \
    --slurpfile destination "$work/destination.json" '
      {$version, $name, $seconds, $expected, $arrived, bytes: ($link.up + $link.down), connections: $link.connections,
       requests: ([$source[0], $destination[0]] | map(.requests | add) | add),
       logins: ([$source[0], $destination[0]] | map(.logins) | add),
       imports: ($destination[0].importSizes | length),
       largest: ($destination[0].importSizes | max)}' >>"$work/backlog.jsonl"
  stop_servers
  jq -r '"bench: \(.version), \(.name): \(.seconds) s, \(.arrived) of \(.expected) values, \(.requests) requests"' \
    <(tail -n 1 "$work/backlog.jsonl") >&2
}

# d2 as the README says, with options for either end.
d2_pipeline() { # PULL_OPTIONS PUSH_OPTIONS
  # shellcheck disable=SC2086  # words of options
  "$bin/d2-pull" --url "$source_url" --data-set "$data_set" --org-unit "$root" --children --start-date $backlog_from \
    --end-date $backlog_to $1 | "$bin/d2-push" --url "$destination" $2
}

# The backlog cut into slices.
d2_slices() { # PLAN_OPTIONS RUN_OPTIONS
  local store=$work/store.sqlite
  rm -f "$store"*
  export D2_STORE=$store
  "$bin/d2-pairs" add bench --source-url "$source_url" \
    --source-username admin --source-password env:D2_PASSWORD --destination-url "$destination" \
    --destination-username admin --destination-password env:D2_PASSWORD
  "$bin/d2-orgunits" sync --pair bench --level 2
  "$bin/d2-datasets" sync --pair bench --data-set MONTH
  # shellcheck disable=SC2086  # words of options
  "$bin/d2-slices" plan --pair bench --from $backlog_from --to $backlog_to $1
  # shellcheck disable=SC2086
  PATH=$bin:$PATH "$bin/d2-slices" run --pair bench $2
}
python_tool() {
  "$python" scripts/lib/bench/peers/python_tool.py "$source_url" "$destination" "$data_set" "$districts" "$periods"
}
sane_script() {
  scripts/lib/bench/peers/sane-script.sh "$source_url" "$destination" "$data_set" "$root" "$periods" "$@"
}

# Each version in turn; the Python tool's way takes half an hour of each.
measured_backlog() {
  local version
  choose_python
  for version in 2.42 2.43; do
    wanted "$version" || ! { wanted 2.42 || wanted 2.43; } || continue
    ! wanted backlog || measure_backlog "$version"
    ! wanted backlog-curves || measure_curves "$version"
  done
  scripts/lib/bench/backlog_report.py "$work/backlog.jsonl" $round_trip $link_rate docs/plots
}

# json-stream is what the Python tool reads with.
choose_python() {
  python=python3
  if have_peer json-stream; then
    python=$(python_of json-stream)
  else
    echo "bench: the Python rows read with Python's own decoder, which is quicker" >&2
  fi
}

measure_backlog() { # VERSION
  local version=$1
  backlog_row "$version" 'd2-pull \| d2-push' d2_pipeline '' ''
  [[ $version == 2.43 ]] || backlog_row "$version" 'd2-pull \| d2-push --concurrency 2' d2_pipeline '' '--concurrency 2'
  backlog_row "$version" 'd2-slices, a year each, --jobs 2' d2_slices '--span year' '--jobs 2'
  backlog_row "$version" 'd2-slices, a month each, --jobs 2' d2_slices '' '--jobs 2'
  backlog_row "$version" 'script: curl \| jq \| split \| curl' sane_script
  [[ $version == 2.43 ]] || backlog_row "$version" 'the same script with preheatCache' sane_script preheat
  backlog_row "$version" 'Python, 16 values a request' python_tool
}

# What the defaults are chosen by: one setting at a time.
measure_curves() { # VERSION
  local size n spans=([1]=month [3]=quarter [12]=year)
  for size in 500 1000 2000 5000 10000 20000 50000; do
    backlog_row "$1" "batch size/$size" d2_pipeline '' "--batch-size $size --batch-bytes 64M"
  done
  for n in 1 2 3 4; do
    backlog_row "$1" "requests at a time of d2-push/$n" d2_pipeline '' "--concurrency $n"
  done
  # So many months of values in one request of d2-pull, with all units of the country.
  for n in 1 3 12; do
    backlog_row "$1" "months in a slice/$n" d2_slices "--span ${spans[n]}" '--jobs 2'
  done
}
