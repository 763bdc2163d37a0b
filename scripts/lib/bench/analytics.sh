# shellcheck shell=bash
# Sourced by scripts/bench: 75,000 sums of analytics, in one request and in parts.
# shellcheck disable=SC2154  # bin, work and scale are set there.

# sum_everything ADDRESS: stores a month of 25 data elements at the lowest level, and sets the elements to ask for.
sum_everything() {
  local address=$1 metadata=$work/analytics.json names='^(Visits|Cases|Litres|Coverage|Supervision)'
  local fields=id,name,categoryCombo%5BcategoryOptionCombos%5Bid%5D%5D
  curl -sSf -u admin:district "$address/api/dataElements?fields=$fields&paging=false" >"$metadata"
  curl -sSf -u admin:district "$address/api/organisationUnits?filter=level:eq:5&fields=id&paging=false" \
    >"$metadata.units"
  elements=$(jq -r --arg names "$names" \
    '[.dataElements[] | select(.name | test($names)) | .id] | join(";")' "$metadata")
  jq -c --slurpfile units "$metadata.units" --arg names "$names" '.dataElements[] | select(.name | test($names))
    | {dataElement: .id, categoryOptionCombo: .categoryCombo.categoryOptionCombos[0].id} as $cell
    | $units[0].organisationUnits[:3000][]
    | $cell + {period: "202401", orgUnit: .id, attributeOptionCombo: "HllvX50cXC0", value: "7"}' "$metadata" |
    curl -sSf -o /dev/null --data-binary @- "$address/control/values"
  curl -sSf -o /dev/null -X POST "$address/control/analytics"
}

# ask_in_parts: asks with d2-pull; prints its values, requests, seconds, and the time of its longest request.
ask_in_parts() {
  "$bin/d2-pull" --url "$address" --analytics --data-element "${elements//;/,}" --level 5 --period 202401 --verbose \
    --part-time "$(awk "BEGIN { print 10 * $scale }")" --summary "$work/summary" 2>"$work/errors" >"$work/parts"
  jq -r '[.values, .requests, .seconds] | @tsv' "$work/summary"
  sed -n 's/^.*HTTP 200, [0-9]* bytes, \([0-9.]*\) s$/\1/p' "$work/errors" | sort -n | tail -n 1
}

measure_analytics() {
  local address elements one status values requests seconds longest
  export D2_USERNAME=admin D2_PASSWORD=district
  start_stand_in "$work/address" --generate 3400 --version 2.42 --cost-model 2.42 --cost-scale "$scale"
  address=$(<"$work/address")
  sum_everything "$address"
  local question="$address/api/analytics/dataValueSet.json?dimension=dx:$elements"
  question+="&dimension=pe:202401&dimension=ou:LEVEL-5"
  one=$(curl -sSf -u admin:district -o "$work/one" -w '%{time_starttransfer}\t%{time_total}' "$question")
  values=$(jq '.dataValues | length' "$work/one")
  { read -r _ requests seconds && read -r longest; } < <(ask_in_parts)
  jq -cS '.dataValues[] | del(.created, .lastUpdated, .comment)' "$work/one" | sort >"$work/one.lines"
  jq -cS . "$work/parts" | sort | cmp - "$work/one.lines"
  printf '\n## Analytics (%d values; a server that takes %s of the measured time)\n\n' "$values" "$scale"
  echo "| | requests | seconds | longest request |"
  echo "|---|--:|--:|--:|"
  awk -F '\t' '{ printf "| curl, one request | 1 | %.2f | %.2f s to the first byte |\n", $2, $1 }' <<<"$one"
  echo "| d2-pull --analytics | $requests | $seconds | $longest s |"
  # A proxy that waits for a minute would give up.
  curl -sSf -o /dev/null "$address/control/faults" \
    -d '[{"kind":"slow-export","path":"/api/analytics","values":40000,"times":0}]'
  status=$(curl -sS -u admin:district -o /dev/null -w '%{http_code}' "$question")
  { read -r values requests seconds && read -r longest; } < <(ask_in_parts)
  echo "| curl, behind a proxy that gives up after 40,000 values | 1 | HTTP $status | |"
  echo "| d2-pull --analytics, behind it: $values values | $requests | $seconds | $longest s |"
  printf '\n| bar | measured | |\n|---|--:|---|\n| %s | %s s | %s |\n' \
    "Analytics: no request takes longer than 1.5 × --part-time" "$longest" \
    "$(awk "BEGIN { print $longest <= 15 * $scale ? \"met\" : \"**missed**\" }")"
  stop_servers
}
