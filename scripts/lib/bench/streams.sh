# shellcheck shell=bash
# Sourced by scripts/bench: single commands over a file of values. They run in rounds, each next to the commands that it
# is compared with.
# shellcheck disable=SC2154  # bin, work, values, runs, slow and url are set there.

make_values() {
  local folder=bench-data/$1
  [[ -e $folder/values.json.gz ]] && return
  echo "bench: making $1 values" >&2
  rm -rf "$folder" && mkdir -p "$folder.new"
  python3 scripts/lib/bench/make-values.py "$1" "$folder.new"
  gzip -6 -k "$folder.new/values.json"
  mv "$folder.new" "$folder"
}

rows=()
# row TABLE ROUNDS NAME COMMAND: adds a command to a table. The first row of a table is the base for the others.
row() { rows+=("$1"$'\t'"$2"$'\t'"$3"$'\t'"$4"); }

# Runs every row once in each round, and notes table, name, round, microseconds, CPU seconds and the peak kB of its
# largest process.
measure() {
  local round table rounds name command start end spent
  for ((round = 1; round <= runs; round++)); do
    for each in "${rows[@]}"; do
      IFS=$'\t' read -r table rounds name command <<<"$each"
      ((round <= rounds)) || continue
      start=$EPOCHREALTIME
      /usr/bin/time -v -o "$work/time" bash -o pipefail -c "$command" >/dev/null 2>"$work/stderr" ||
        { failed_row "$table" "$name" && continue; }
      end=$EPOCHREALTIME
      spent=$(awk -F': ' '/(User|System) time/ { cpu += $2 } /Maximum resident/ { print cpu "\t" $2 }' "$work/time")
      printf '%s\t%s\t%s\t%s\t%s\n' "$table" "$name" "$round" "$((${end/./} - ${start/./}))" "$spent" >>"$measured"
      echo "bench: round $round: $name: $(((${end/./} - ${start/./}) / 1000)) ms" >&2
    done
  done
  rows=()
}

# If a peer fails, this is reported; everything else must work.
failed_row() { # TABLE NAME
  { echo "bench: failed: $2" && tail -n 5 "$work/stderr"; } >&2
  [[ $1 == Peers:* ]] || exit 70
  printf '%s failed: %s\n' "$2" "$(tail -n 1 "$work/stderr")" >>"$work/failed"
}

measured_streams() {
  local tenth=$((values / 10)) measured=$work/measured.tsv source pull push sink data=bench-data/$values
  [[ -x /usr/bin/time ]] || apt_install time
  make_values "$values"
  make_values "$tenth"
  # Fill the disk cache, so that reads from the disk are not measured.
  cat bench-data/{"$values","$tenth"}/values.* >/dev/null
  start_nginx
  source="$url/source/$values/api/dataValueSets"
  # nginx is not a DHIS2 server, so it cannot say whether it knows the ids.
  pull="$bin/d2-pull --quiet --data-set BfMAe6Itzgt --org-unit ImspTQPwCqd --period 2024 --no-check --url $url/source"
  push="$bin/d2-push --quiet --url $url/sink"
  sink="-H Expect: -o /dev/null -X POST $url/sink/api/dataValueSets"
  ! wanted pull || rows_of_pull
  ! wanted push || rows_of_push
  ! wanted startup || rows_of_startup
  ! wanted diff || rows_of_diff
  ! wanted map || rows_of_map
  ! wanted convert || rows_of_convert
  ! wanted peers || rows_of_peers
  if ((${#rows[@]})); then measure && say_measured; fi
  if wanted profile; then
    # shellcheck source=scripts/lib/bench/profile.sh
    source scripts/lib/bench/profile.sh
    profile_commands
  fi
}

say_measured() {
  echo "Measured $(date -u +%Y-%m-%d) on $(uname -s), $(nproc) cores; $values values," \
    "$(megabytes "$data/values.json") of JSON, $(megabytes "$data/values.json.gz") as gzip;" \
    "$(curl --version | awk 'NR == 1 { print $1, $2 }'), $(jq --version)," \
    "d2 $("$bin/d2-pull" --version | awk '{ print $NF }')."
  ! wanted peers || { echo && say_peers; }
  python3 scripts/lib/bench/report.py "$measured"
}
megabytes() { stat -c %s "$1" | awk '{ printf "%.0f MB", $1 / 1e6 }'; }

rows_of_pull() {
  row "Pull, plain" "$runs" "curl" "curl -sS '$source'"
  row "Pull, plain" "$runs" "d2-pull --compression none" "$pull/$values --compression none"
  row "Pull, plain" "$slow" "curl \| jq -c '.dataValues[]'" "curl -sS '$source' | jq -c '.dataValues[]'"
  row "Pull, plain" $((slow > 0)) "curl \| jq -c --stream" \
    "curl -sS '$source' | jq -cn --stream 'fromstream(2 | truncate_stream(inputs))'"
  row "Pull, gzip" "$runs" "curl \| gzip -dc" "curl -sS '$source?compression=gzip' | gzip -dc"
  row "Pull, gzip" "$runs" "d2-pull" "$pull/$values"
  row "Pull, gzip" "$slow" "curl \| gzip -dc \| jq -c '.dataValues[]'" \
    "curl -sS '$source?compression=gzip' | gzip -dc | jq -c '.dataValues[]'"
  row "A tenth of it" "$runs" "d2-pull --compression none, a tenth" "$pull/$tenth --compression none"
  row "A tenth of it" "$runs" "d2-pull, a tenth" "$pull/$tenth"
}

rows_of_push() {
  row "Push, plain" "$runs" "curl -T" "curl -sS -T $data/values.json $sink"
  row "Push, plain" "$runs" "d2-push --compression none" "$push --compression none <$data/values.ndjson"
  row "Push, plain" "$runs" "curl --data-binary @file" "curl -sS --data-binary @$data/values.json $sink"
  row "Push, plain" "$runs" "d2-push --compression none --concurrency 4" \
    "$push --compression none --concurrency 4 <$data/values.ndjson"
  row "Push, gzip" "$runs" "gzip -1 \| curl -T -" "gzip -1 -c $data/values.json | curl -sS -T - $sink"
  row "Push, gzip" "$runs" "d2-push" "$push <$data/values.ndjson"
  row "Push, gzip" "$runs" "d2-push --concurrency 4" "$push --concurrency 4 <$data/values.ndjson"
}

rows_of_startup() {
  local command
  # A hundred starts a run, because one is too short to be timed.
  for command in curl "$bin/d2-pull" "$bin/d2-push"; do
    row "Start-up, 100 times" "$runs" "${command##*/} --version" \
      "for ((i = 0; i < 100; i++)); do $command --version; done"
  done
}

rows_of_diff() {
  local sides keys
  if [[ ! -e $data/diff/expected.ndjson ]]; then
    echo "bench: planting differences" >&2
    mkdir -p "$data/diff"
    python3 scripts/lib/bench/plant-differences.py "$data/values.ndjson" 1000 "$data/diff"
  fi
  cat "$data"/diff/*.ndjson >/dev/null
  sides=("$data"/diff/source.ndjson "$data"/diff/destination.ndjson)
  # Status 1 means that there are differences.
  "$bin/d2-diff" "${sides[@]}" --extras >"$work/found" 2>"$work/found.errors" || [[ $? == 1 ]]
  cat "$work/found.errors" >&2
  if [[ $(wc -l <"$work/found") != 3000 ]] ||
    ! cmp -s <(head -2000 "$work/found" | LC_ALL=C sort) <(LC_ALL=C sort "$data/diff/expected.ndjson"); then
    echo "bench: d2-diff found other differences than were planted" >&2 && exit 70
  fi
  keys='[.dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .value] | @tsv'
  row "Diff" "$runs" "d2-diff" "$bin/d2-diff --quiet ${sides[*]} || [[ \$? == 1 ]]"
  row "Diff" "$runs" "d2-diff, FIFOs" "$bin/d2-diff --quiet <(cat ${sides[0]}) <(cat ${sides[1]}) || [[ \$? == 1 ]]"
  row "Diff" $((slow > 0)) "comm of two jq \| sort" \
    "export LC_ALL=C; comm -3 <(jq -r '$keys' ${sides[0]} | sort) <(jq -r '$keys' ${sides[1]} | sort)"
}

rows_of_map() {
  local mapped
  [[ -e $data/mapping.csv ]] || python3 scripts/lib/bench/make-mapping.py "$data/values.ndjson" "$data"
  # shellcheck disable=SC2016
  mapped='reduce ("dataElement", "orgUnit") as $k (.; .[$k] = ($t[0][$k][.[$k]] // .[$k]))'
  row "Map" "$runs" "d2-map" "$bin/d2-map --quiet $data/mapping.csv <$data/values.ndjson"
  row "Map" $((slow > 0)) "jq -c with the same table" \
    "jq -c --slurpfile t $data/mapping.json '$mapped' $data/values.ndjson"
  [[ $("$bin/d2-map" --quiet "$data/mapping.csv" <"$data/values.ndjson" | head -100000 | jq -c . | cksum) == \
    "$(head -100000 "$data/values.ndjson" | jq -c --slurpfile t "$data/mapping.json" "$mapped" | cksum)" ]] ||
    { echo "bench: d2-map and jq do not agree" >&2 && exit 70; }
}

rows_of_convert() {
  local convert="$bin/d2-convert --quiet" columns python=scripts/lib/bench/convert.py
  [[ -e $data/values.csv ]] || { $convert --to csv "$data/values.ndjson" >"$data/values.csv.new" &&
    mv "$data/values.csv.new" "$data/values.csv"; }
  columns='[.dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .value, .storedBy'
  columns+=', .lastUpdated, .comment, .followup, .deleted] | @csv'
  row "Convert to CSV" "$runs" "d2-convert --to csv" "$convert --to csv $data/values.ndjson"
  row "Convert to CSV" "$runs" "Python: json and csv" "python3 $python to-csv $data/values.ndjson"
  row "Convert to CSV" $((slow > 0)) "jq -r … @csv" "jq -r '$columns' $data/values.ndjson"
  row "Convert from CSV" "$runs" "d2-convert file.csv" "$convert $data/values.csv"
  row "Convert from CSV" "$runs" "Python: csv and json" "python3 $python from-csv $data/values.csv"
  row "Convert from CSV" "$runs" "Python: csv alone, into nothing" "python3 $python read-csv $data/values.csv"
  row "Convert a document" "$runs" "d2-convert file.json" "$convert $data/values.json"
  row "Convert a document" "$runs" "wc -l" "wc -l $data/values.json"
  # In both directions, the values are those that Python reads.
  [[ $($convert --to csv "$data/values.ndjson" | head -100000 | cksum) == \
    "$(head -99999 "$data/values.ndjson" | python3 $python to-csv /dev/stdin | head -100000 | cksum)" ]] ||
    { echo "bench: d2-convert and Python do not agree" >&2 && exit 70; }
}
