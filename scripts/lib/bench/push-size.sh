# shellcheck shell=bash
# Sourced by scripts/bench: d2-push's own choice of the batch size beside fixed sizes.
# shellcheck disable=SC2154  # bin, work and scale are set there.

push_size_values=200000
push_sizes=(500 1000 2000 5000 10000 20000 50000)

# Starts a stand-in with the same country each time; sets address.
start_country() { # OPTION…
  start_stand_in "$work/address" --generate 600 --years 2022..2024 "$@"
  address=$(<"$work/address")
}

# The monthly report of all units over three years, as d2-pull writes it.
pull_values() {
  local set root
  start_country --generate-values 1000000
  set=$(curl -sSf -u admin:district "$address/api/dataSets.json?filter=code:eq:MONTH&fields=id" |
    jq -r '.dataSets[0].id')
  root=$(curl -sSf -u admin:district "$address/api/organisationUnits.json?filter=code:eq:LAND&fields=id" |
    jq -r '.organisationUnits[0].id')
  "$bin/d2-pull" --url "$address" --quiet --data-set "$set" --org-unit "$root" --children \
    --start-date 2022-01-01 --end-date 2024-12-31 | grep -v '"deleted":true' >"$work/all.ndjson"
  head -n "$push_size_values" "$work/all.ndjson" >"$work/values.ndjson"
  rm "$work/all.ndjson"
  stop_servers
  (($(wc -l <"$work/values.ndjson") == push_size_values)) || { echo "bench: too few values" >&2 && exit 70; }
}

# push_seconds OPTION… -- OPTION…: how long d2-push takes with the options behind --, to a new server with those before.
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

# compare_batch_sizes VERSION: each size gets a server of its own that holds nothing yet, with the noise of each seed.
compare_batch_sizes() {
  local version=$1 size options seconds seed
  export D2_USERNAME=admin D2_PASSWORD=district
  [[ -e $work/values.ndjson ]] || pull_values
  : >"$work/sizes.tsv"
  for ((seed = 1; seed <= seeds; seed++)); do
    for size in default "${push_sizes[@]}"; do
      # A fixed size is just that: the bound on bytes would cut the largest.
      options=()
      [[ $size == default ]] || options=(--batch-size "$size" --batch-bytes 64M)
      push_seconds --version "$version" --cost-model "$version" --cost-noise "$seed" -- "${options[@]}" >"$work/seconds"
      seconds=$(<"$work/seconds")
      printf '%s\t%s\t%s\n' "$seed" "$size" "$seconds" >>"$work/sizes.tsv"
      echo "bench: $version, noise $seed, batch size $size: $seconds s" >&2
    done
  done
  python3 scripts/lib/bench/noisy_report.py "$work/sizes.tsv" --title "Batch size, DHIS2 $version" \
    --what "batch size" --values "$push_size_values" --scale "$scale" --median 0.9 --worst 0.75
}
