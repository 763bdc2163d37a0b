#!/usr/bin/env bash
# Moves values as a careful person would with the usual tools: curl, jq and split, one request at a time.
#   sane-script.sh SOURCE DESTINATION DATA_SET ROOT PERIOD,… [preheat]
# It reads each period in one request, posts a thousand values at a time, keeps the cookie and checks answers. With
# "preheat" it also sets the parameter that makes imports quick on servers up to 2.42.
set -euo pipefail
source_url=$1 destination=$2 data_set=$3 root=$4 periods=$5 query=${6:+?preheatCache=true}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'user = "%s:%s"\n' "$D2_USERNAME" "$D2_PASSWORD" >"$work/login"

for period in ${periods//,/ }; do
  curl -sSf --compressed -K "$work/login" -b "$work/source" -c "$work/source" \
    "$source_url/api/dataValueSets.json?dataSet=$data_set&orgUnit=$root&children=true&period=$period" |
    jq -c '.period as $p | .dataValues[]? | if .period then . else .period = $p end' | split -l 1000 - "$work/part-"
  for part in "$work"/part-*; do
    [[ -e $part ]] || continue
    jq -cs '{dataValues: .}' "$part" |
      curl -sS -K "$work/login" -b "$work/destination" -c "$work/destination" -H 'Content-Type: application/json' \
        --data-binary @- "$destination/api/dataValueSets$query" |
        jq -r '.response // . | .importCount | "\(.imported) \(.updated) \(.ignored)"'
    rm "$part"
  done
done
