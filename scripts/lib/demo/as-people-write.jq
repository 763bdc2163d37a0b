# A decimal comma, a per cent sign, the letter O instead of a zero.
($elements[0].dataElements | map({key: .id, value: .valueType}) | from_entries)[.dataElement] as $type
| select(.deleted != true)
| del(.dataSet)
| if $type == "NUMBER" then .value |= sub("\\."; ",")
  elif $type == "PERCENTAGE" then .value += "%"
  elif ($type | startswith("INTEGER")) and (.value | contains("0")) then .value |= gsub("0"; "O")
  else empty end
