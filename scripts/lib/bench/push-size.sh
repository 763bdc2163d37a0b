# shellcheck shell=bash
# Sourced by scripts/bench: compares d2-push's own batch size with fixed sizes, and its own number of requests at a time
# with fixed numbers.
# shellcheck disable=SC2154  # bin, work, seeds and scale are set there.

push_size_values=${D2_BENCH_PUSH_VALUES:-200000}
push_sizes=(500 1000 2000 5000 10000 20000 50000)

# Starts a stand-in with the same country each time; sets address.
start_country() { # OPTION…
  start_stand_in "$work/address" --generate $((push_size_values / 333)) --years 2022..2024 "$@"
  address=$(<"$work/address")
}

# The monthly report of all units over three years, as d2-pull writes it.
pull_values() {
  local set root
  start_country --generate-values $((5 * push_size_values))
  set=$(curl -sSf -u admin:district "$address/api/dataSets.json?filter=code:eq:MONTH&fields=id" |
    jq -r '.dataSets[0].id')
  root=$(curl -sSf -u admin:district "$address/api/organisationUnits.json?filter=code:eq:LAND&fields=id" |
    jq -r '.organisationUnits[0].id')
  D2_USERNAME=admin D2_PASSWORD=district "$bin/d2-pull" --url "$address" --quiet --data-set "$set" \
    --org-unit "$root" --children --start-date 2022-01-01 --end-date 2024-12-31 |
    grep -v '"deleted":true' >"$work/all.ndjson"
  head -n "$push_size_values" "$work/all.ndjson" >"$work/values.ndjson"
  rm "$work/all.ndjson"
  stop_servers
  (($(wc -l <"$work/values.ndjson") == push_size_values)) || { echo "bench: too few values" >&2 && exit 70; }
}

# push_seconds OPTION… -- OPTION…: prints the seconds that d2-push takes with the options after --, to a new server with
# those before.
push_seconds() {
  local server=()
  while [[ $1 != -- ]]; do server+=("$1") && shift; done
  shift
  start_country "${server[@]}" --cost-scale "$scale"
  D2_USERNAME=admin D2_PASSWORD=district "$bin/d2-push" --url "$address" --quiet --summary "$work/summary" "$@" \
    <"$work/values.ndjson" >/dev/null
  stop_servers
  jq .seconds "$work/summary"
}

# Compares d2-push's own choice with the best fixed setting: FILE TITLE SETTING BAR-OPTION…
report_choice() {
  python3 scripts/lib/bench/noisy_report.py "$1" --title "$2" "--what=$3" --values "$push_size_values" \
    --scale "$scale" "${@:4}"
}

# compare_batch_sizes VERSION: each size gets a new, empty server, with the noise of each seed.
compare_batch_sizes() {
  local version=$1 size options seconds seed
  [[ -e $work/values.ndjson ]] || pull_values
  : >"$work/sizes.tsv"
  for ((seed = 1; seed <= seeds; seed++)); do
    for size in default "${push_sizes[@]}"; do
      # Raise the bound on bytes, which would cut the largest fixed sizes.
      options=()
      [[ $size == default ]] || options=(--batch-size "$size" --batch-bytes 64M)
      push_seconds --version "$version" --cost-model "$version" --cost-noise "$seed" -- "${options[@]}" >"$work/seconds"
      seconds=$(<"$work/seconds")
      printf '%s\t%s\t%s\n' "$seed" "$size" "$seconds" >>"$work/sizes.tsv"
      echo "bench: $version, noise $seed, batch size $size: $seconds s" >&2
    done
  done
  report_choice "$work/sizes.tsv" "Batch size, DHIS2 $version" "batch size" --median 0.9 --worst 0.75
}

# compare_concurrency VERSION: up to 2.42 no more than six imports at once are allowed.
compare_concurrency() {
  local version=$1 cores number seconds seed numbers=(1 2 4 6)
  [[ $version != 2.43 ]] || numbers+=(8 16)
  [[ -e $work/values.ndjson ]] || pull_values
  for cores in 2 16; do
    : >"$work/numbers.tsv"
    for ((seed = 1; seed <= seeds; seed++)); do
      for number in auto "${numbers[@]}"; do
        push_seconds --version "$version" --cost-model "$version" --cost-noise "$seed" --cost-cores "$cores" \
          -- --concurrency "$number" >"$work/seconds"
        seconds=$(<"$work/seconds")
        printf '%s\t%s\t%s\n' "$seed" "${number/auto/default}" "$seconds" >>"$work/numbers.tsv"
        echo "bench: $version, $cores cores, noise $seed, $number at a time: $seconds s" >&2
      done
    done
    report_choice "$work/numbers.tsv" "Requests at a time, DHIS2 $version on $cores cores" "--concurrency" --median 0.85
  done
}
