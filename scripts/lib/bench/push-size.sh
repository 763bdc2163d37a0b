# shellcheck shell=bash
# Sourced by scripts/bench: d2-push's own choice of the batch size beside fixed sizes.
# shellcheck disable=SC2154  # bin, work and scale are set there.

push_size_values=200000

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

# compare_batch_sizes VERSION: each size gets a server of its own that holds nothing yet.
compare_batch_sizes() {
  local size options seconds
  export D2_USERNAME=admin D2_PASSWORD=district
  [[ -e $work/values.ndjson ]] || pull_values
  : >"$work/sizes.tsv"
  for size in default 500 1000 2000 5000 10000 20000 50000; do
    start_country --version "$1" --cost-model "$1" --cost-scale "$scale"
    # A fixed size is just that: the bound on bytes (8M) would cut the largest.
    options=()
    [[ $size == default ]] || options=(--batch-size "$size" --batch-bytes 64M)
    "$bin/d2-push" --url "$address" --quiet --summary "$work/summary" "${options[@]}" <"$work/values.ndjson" >/dev/null
    stop_servers
    seconds=$(jq .seconds "$work/summary")
    printf '%s\t%s\n' "$size" "$seconds" >>"$work/sizes.tsv"
    echo "bench: $1, batch size $size: $seconds s" >&2
  done
  awk -F'\t' -v version="$1" -v values="$push_size_values" -v scale="$scale" '
    { name[NR] = $1; rate[NR] = values / $2; seconds[NR] = $2 }
    $1 != "default" && rate[NR] > best { best = rate[NR] }
    END {
      printf "\n## Batch size, DHIS2 %s (%d values, a server that takes %s of the measured time)\n\n",
        version, values, scale
      print "| batch size | × best fixed size | values/s | s |\n|---|--:|--:|--:|"
      for (i = 1; i <= NR; i++) printf "| %s | %.2f | %d | %.1f |\n", name[i], rate[i] / best, rate[i], seconds[i]
      printf "\nDefault at least 0.8 of the best fixed size: %.2f, %s.\n",
        rate[1] / best, rate[1] >= 0.8 * best ? "met" : "**missed**"
    }' "$work/sizes.tsv"
}
