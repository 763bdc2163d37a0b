# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is used in scripts/demo
# Sourced by scripts/demo: starts two servers of one country. The source has an older version, and holds values that
# nobody checked. The destination is newer, empty and strict.

export D2_SOURCE_USERNAME=admin D2_SOURCE_PASSWORD=district
export D2_DESTINATION_USERNAME=admin D2_DESTINATION_PASSWORD=district
unset D2_SOURCE_PAT D2_DESTINATION_PAT
country=(--generate 600 --years 2024..2024)
start_stand_in source.address "${country[@]}" --version 2.40.9.1 --generate-values 100000
start_stand_in destination.address "${country[@]}" --version 2.43.1
source=$(<source.address)
destination=$(<destination.address)

ask() { curl -sSf -u admin:district "$source/api/$1"; }
D2_DATA_SET=$(ask 'dataSets.json?filter=code:in:%5BMONTH,QUARTER%5D&fields=id' | jq -r '[.dataSets[].id] | join(",")')
D2_ORG_UNIT=$(ask 'organisationUnits.json?filter=level:eq:1&fields=id' | jq -r '.organisationUnits[0].id')
D2_PERIOD=202401,202402,202403,2024Q1
selection="-y 2024 -q 1 --data-set $D2_DATA_SET"
D2_LEDGER_DATA_SET=$(ask 'dataSets.json?fields=id,periodType&paging=false' |
  jq -r '[.dataSets[] | select(.periodType == "Weekly" or .periodType == "Yearly") | .id] | join(",")')
mend='.value |= if test("^[0-9O]+$") then gsub("O";"0") elif test("^[0-9]+,[0-9]+$") then sub(",";".")'
mend+=' else sub("^(?<n>[0-9]+)%$";.n) end'

# Writes some numbers as people write them. The API would refuse these.
ask 'dataElements.json?fields=id,valueType&paging=false' >elements.json
D2_USERNAME=admin D2_PASSWORD=district d2-pull --quiet --url "$source" --data-set "$D2_DATA_SET" \
  --org-unit "$D2_ORG_UNIT" --children --period "$D2_PERIOD" |
  jq -c --slurpfile elements elements.json -f as-people-write.jq | awk 'NR % 10 == 0' >odd.ndjson
curl -sSf -o stored.json --data-binary @odd.ndjson "$source/control/values"

say "Two servers of the same country run on this machine:
   source       $source   DHIS2 2.40, 100,000 values, $(jq .stored stored.json) of them written as people write
   destination  $destination   DHIS2 2.43, without values"
