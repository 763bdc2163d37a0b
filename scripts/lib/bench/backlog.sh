# shellcheck shell=bash
# Sourced by scripts/bench: moves the same backlog over a slow link with d2 and with the tools that people use
# otherwise.
# shellcheck disable=SC2154,SC2030,SC2031  # bin, work and slow are set there; each row has a shell of its own.

# The backlog is 44,410 of 200,000 values: the monthly report of 120 organisation units over five years.
backlog_values=${D2_BENCH_BACKLOG:-200000}
backlog_country=(--generate 120 --years 2020..2024)
backlog_from=2020-01-01
backlog_to=2024-12-31
round_trip=0.15
link_rate=2000000
peer_drivers=scripts/lib/bench/peers

# Starts both servers with the costs of a version, behind TLS and then the link. $source_url and $destination are the
# addresses over the link, …_direct those of the servers. TLS goes over the link, so that its handshakes are slow too.
start_scene() { # VERSION
  start_stand_in "$scene/source" "${backlog_country[@]}" --version "$1" --cost-model "$1" \
    --generate-values "$backlog_values"
  start_stand_in "$scene/destination" "${backlog_country[@]}" --version "$1" --cost-model "$1"
  source_direct=$(<"$scene/source") destination_direct=$(<"$scene/destination")
  start_tls "$scene" "$source_direct" "$destination_direct"
  python3 scripts/lib/bench/link.py --round-trip $round_trip --rate $link_rate --scheme https \
    "127.0.0.1:$source_port" "127.0.0.1:$destination_port" >"$scene/link" &
  link=$!
  servers+=("$link")
  await_lines "$scene/link" 2
  { read -r source_url && read -r destination; } <"$scene/link"
}

ask() { curl -sSf -u admin:district "$@"; }

# Finds the data set of the backlog, its root unit, districts and periods.
look_at_country() {
  local address
  start_stand_in "$work/country" "${backlog_country[@]}" --generate-values "$backlog_values"
  address=$(<"$work/country")
  data_set=$(ask "$address/api/dataSets.json?filter=code:eq:MONTH&fields=id" | jq -r '.dataSets[0].id')
  root=$(ask "$address/api/organisationUnits.json?filter=level:eq:1&fields=id" | jq -r '.organisationUnits[0].id')
  districts=$(ask "$address/api/organisationUnits.json?filter=level:eq:3&fields=id&paging=false" |
    jq -r '[.organisationUnits[].id] | join(",")')
  periods=$(for year in {2020..2024}; do printf "$year%02d\n" {1..12}; done | paste -sd,)
  # The values that should arrive in the end. The generated country has no deleted values.
  "$bin/d2-pull" --url "$address" --quiet --data-set "$data_set" --org-unit "$root" --children \
    --start-date $backlog_from --end-date $backlog_to | jq -r "$key_of_value" | sort >"$work/expected"
  stop_servers
}
key_of_value='[.dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .value] | @tsv'

# backlog_row VERSION NAME COMMAND…: runs the command with its own servers, and notes the cost.
backlog_row() (
  version=$1 name=$2 servers=()
  shift 2
  scene=$(mktemp -d "$work/scene-XXXXXX")
  trap stop_servers EXIT
  start_scene "$version"
  ask -X POST "$source_direct/control/reset-stats" >/dev/null
  ask -X POST "$destination_direct/control/reset-stats" >/dev/null
  failure=
  arrived=$EPOCHREALTIME
  "$@" >"$scene/stdout" 2>"$scene/stderr" || failure=$(tail -n 1 "$scene/stderr")
  ended=$EPOCHREALTIME
  [[ ! $failure ]] || echo "bench: $version, $name failed: $failure" >&2
  begun=$arrived
  # The time before the values move: the ledger's plan.
  [[ ! -e $scene/begun ]] || begun=$(<"$scene/begun")
  note_row "$(bc <<<"scale=3; $ended - $begun")" "$(bc <<<"scale=3; $begun - $arrived")"
)

note_row() { # SECONDS SECONDS_BEFORE
  ask "$source_direct/control/stats" >"$scene/source.json"
  ask "$destination_direct/control/stats" >"$scene/destination.json"
  ask "$destination_direct/control/values" | jq -r "$key_of_value" | sort >"$scene/arrived"
  { kill "$link" && wait "$link"; } || true
  jq -nc --arg version "$version" --arg name "$name" --arg failure "$failure" --argjson seconds "$1" \
    --argjson before "$2" --argjson expected "$(wc -l <"$work/expected")" \
    --argjson arrived "$(comm -12 "$work/expected" "$scene/arrived" | wc -l)" \
    --argjson link "$(tail -n 1 "$scene/link")" --slurpfile source "$scene/source.json" \
    --slurpfile destination "$scene/destination.json" '
      {$version, $name, $seconds, $before, $failure, $expected, $arrived, bytes: ($link.up + $link.down),
       connections: $link.connections,
       requests: ([$source[0], $destination[0]] | map(.requests | add // 0) | add),
       logins: ([$source[0], $destination[0]] | map(.logins) | add),
       imports: ($destination[0].importSizes | length),
       largest: ($destination[0].importSizes | max)}' >"$scene/row.json"
  cat "$scene/row.json" >>"$work/backlog.jsonl"
  jq -r '"bench: \(.version), \(.name): \(.seconds) s, \(.arrived) of \(.expected) values, \(.requests) requests"' \
    "$scene/row.json" >&2
}

# The data set of all units in one stream, as a person would type it.
d2_pipeline() { # PULL_OPTIONS PUSH_OPTIONS
  # shellcheck disable=SC2086  # words of options
  "$bin/d2-pull" --url "$source_url" --ca-file "$work/authority.pem" --data-set "$data_set" --org-unit "$root" \
    --children --start-date $backlog_from --end-date $backlog_to $1 |
    "$bin/d2-push" --url "$destination" --ca-file "$work/authority.pem" $2
}

# The backlog cut into slices, of both districts.
d2_slices() { # PLAN_OPTIONS RUN_OPTIONS
  export D2_STORE=$scene/store.sqlite
  "$bin/d2-pairs" add bench --source-url "$source_url" --source-ca-file "$work/authority.pem" \
    --source-username admin --source-password env:D2_PASSWORD --destination-url "$destination" \
    --destination-ca-file "$work/authority.pem" --destination-username admin --destination-password env:D2_PASSWORD
  "$bin/d2-orgunits" sync --pair bench --level 3
  "$bin/d2-datasets" sync --pair bench --data-set MONTH
  # shellcheck disable=SC2086  # words of options
  "$bin/d2-slices" plan --pair bench --from $backlog_from --to $backlog_to $1
  echo "$EPOCHREALTIME" >"$scene/begun"
  # shellcheck disable=SC2086
  "$bin/d2-slices" run --pair bench $2
}

# Other tools find the authority in the environment.
trusting() {
  CURL_CA_BUNDLE=$work/authority.pem SSL_CERT_FILE=$work/authority.pem REQUESTS_CA_BUNDLE=$work/authority.pem "$@"
}
sane_script() {
  trusting $peer_drivers/sane-script.sh "$source_url" "$destination" "$data_set" "$root" "$periods" "$@"
}
python_tool() {
  trusting "$python" $peer_drivers/python_tool.py "$source_url" "$destination" "$data_set" "$districts" "$periods"
}
dhis2_py() {
  trusting "$(python_of dhis2.py)" $peer_drivers/with_dhis2_py.py move "$source_url" \
    "dataSet=$data_set&orgUnit=$root&children=true&startDate=$backlog_from&endDate=$backlog_to" "$destination"
}
openhexa() {
  trusting "$(python_of openhexa.toolbox)" $peer_drivers/with_openhexa.py move "$source_url" "$data_set" "$root" \
    $backlog_from $backlog_to "$destination"
}
d2w() {
  export DHIS2_USERNAME=$D2_USERNAME DHIS2_PASSWORD=$D2_PASSWORD
  local d2w=bench-data/peers/dhis2w-cli/bin/d2w
  DHIS2_URL=$source_url trusting $d2w --json data aggregate get --ds "$data_set" \
    --ou "$root" --children --start-date $backlog_from --end-date $backlog_to >"$scene/values.json" &&
    DHIS2_URL=$destination trusting $d2w data aggregate push "$scene/values.json"
}

measured_backlog() {
  export D2_USERNAME=admin D2_PASSWORD=district
  make_certificates
  choose_python
  look_at_country
  # The rows of d2 run one after the other. The slow ones mostly wait, so they run together.
  ! wanted backlog || for_versions measure_backlog
  ! wanted backlog-curves || for_versions measure_curves
  if wanted backlog && ((slow > 0)); then
    for_versions measure_others
    wait_for_others
    keep_others
  elif wanted backlog; then
    for_versions kept_others
  fi
  python3 scripts/lib/bench/backlog_report.py "$work/backlog.jsonl" $round_trip $link_rate docs/plots
}

# json-stream is what the Python tool reads with.
choose_python() {
  python=python3
  if have_peer json-stream; then
    python=$(python_of json-stream)
  else
    echo "bench: json-stream is not installed: the Python rows use Python's own decoder, which is quicker" >&2
  fi
}

measure_backlog() { # VERSION
  backlog_row "$1" 'd2-pull \| d2-push' d2_pipeline '' ''
  [[ $1 == 2.43 ]] || backlog_row "$1" 'd2-pull \| d2-push --concurrency 2' d2_pipeline '' '--concurrency 2'
  backlog_row "$1" 'd2-slices, 120 slices, all defaults' d2_slices '' ''
  backlog_row "$1" 'd2-slices, 120 slices, --jobs 2' d2_slices '' '--jobs 2'
  backlog_row "$1" 'd2-slices, a year each, --jobs 2' d2_slices '--span year' '--jobs 2'
}

# Starts the rows of all other tools at once; each has its own servers.
measure_others() { # VERSION
  other "$1" 'script: curl \| jq \| split \| curl' sane_script
  [[ $1 == 2.43 ]] || other "$1" 'the same script with preheatCache' sane_script preheat
  ! have_peer dhis2.py || other "$1" 'dhis2.py' dhis2_py
  ! have_peer dhis2w-cli || other "$1" 'd2w data aggregate' d2w
  ! have_peer openhexa.toolbox || other "$1" 'openhexa.toolbox, 50 values a request' openhexa
  other "$1" 'Python, 16 values a request' python_tool
}
others=()
other() { backlog_row "$@" & others+=($!); }
wait_for_others() {
  local each
  for each in "${others[@]}"; do wait "$each"; done
}

# The rows of other tools do not depend on d2, and take half an hour. So keep the last ones of this machine, with the
# day.
others_kept=bench-data/backlog-others.jsonl
keep_others() {
  mkdir -p bench-data
  : >"$work/kept.jsonl"
  jq -c --arg day "$(date -u +%F)" 'select(.name | startswith("d2-") or contains("/") | not) | . + {$day}' \
    "$work/backlog.jsonl" >"$work/others.jsonl"
  [[ ! -e $others_kept ]] || jq -c --slurpfile new "$work/others.jsonl" \
    'select([.version] | inside($new | map(.version)) | not)' "$others_kept" >"$work/kept.jsonl"
  cat "$work/others.jsonl" "$work/kept.jsonl" >"$others_kept"
}
kept_others() { # VERSION
  [[ ! -e $others_kept ]] || jq -c --arg version "$1" --argjson expected "$(wc -l <"$work/expected")" \
    'select(.version == $version and .expected == $expected)' "$others_kept" >>"$work/backlog.jsonl"
}

# Measurements for the choice of the defaults: one setting at a time.
measure_curves() { # VERSION
  local size n spans=([1]=month [3]=quarter [12]=year)
  for size in 500 1000 2000 5000 10000 20000 50000; do
    backlog_row "$1" "batch size/$size" d2_pipeline '' "--batch-size $size --batch-bytes 64M"
  done
  for n in 1 2 3 4; do
    backlog_row "$1" "requests at a time of d2-push/$n" d2_pipeline '' "--concurrency $n"
  done
  # Months of values in one request of d2-pull, with all units of the country.
  for n in 1 3 12; do
    backlog_row "$1" "months in a slice/$n" d2_slices "--span ${spans[n]}" '--jobs 2'
  done
}
