# shellcheck shell=bash
# Sourced by scripts/bench: counts instructions by function, with valgrind's callgrind.
# shellcheck disable=SC2154  # pull, push, data and the others are set there.

# profile NAME BYTES COMMAND…: instructions a byte, and the functions that have most of them.
profile() {
  local name=$1 bytes=$2 out=$work/callgrind
  shift 2
  rm -f "$out"*
  bash -c "exec valgrind --tool=callgrind --callgrind-out-file=$out.%p $*" >/dev/null 2>"$work/stderr" ||
    [[ $? == 1 ]] || { tail -n 5 "$work/stderr" >&2 && exit 70; }
  callgrind_annotate --auto=no --show-percs=no "$out".* 2>/dev/null >"$work/annotated"
  awk -v name="$name" -v bytes="$bytes" '
    /PROGRAM TOTALS/ { gsub(",", "", $1); total = $1 }
    / \*?\?*.*:.* \[/ && total && NF > 1 {
      count = $1; gsub(",", "", count); if (count !~ /^[0-9]+$/) next
      place = $0; sub(/^ *[0-9,]+ +/, "", place); sub(/ \[.*$/, "", place); sub(/^[^:]*:/, "", place)
      if (++n <= 6) { lines = lines sprintf("|  | `%s` | %.1f %% |\n", substr(place, 1, 110), 100 * count / total) }
    }
    END { printf "| %s: **%.2f** instructions a byte | | |\n%s", name, total / bytes, lines }' "$work/annotated" |
    swift_names
}

# Names as in the code, if the toolchain can demangle them.
swift_names() { if command -v swift-demangle >/dev/null; then swift-demangle -simplified; else cat; fi; }

profile_commands() {
  local size name plain=$bin bin=$work/stripped data=bench-data/$tenth
  command -v valgrind >/dev/null || apt_install valgrind
  # valgrind cannot read Swift's debugging information.
  mkdir -p "$bin"
  for name in d2-pull d2-push d2-diff d2-map; do strip --strip-debug -o "$bin/$name" "$plain/$name"; done
  local pull=${pull//$plain/$bin} push=${push//$plain/$bin}
  size=$(stat -c %s "$data/values.ndjson")
  printf '\n## Where the instructions go\n\n'
  echo "Instructions, counted by callgrind ($tenth values, $((size / 1000000)) MB as lines; start-up included)."
  printf '\n| | function | share |\n|---|---|--:|\n'
  profile "reading alone: \`wc -c\`, as a floor" "$size" "cat $data/values.ndjson"
  profile "\`d2-pull --compression none\`" "$size" "$pull/$tenth --compression none"
  profile "\`d2-pull\`, gzip" "$size" "$pull/$tenth"
  profile "\`d2-push --compression none\`" "$size" "$push --compression none --batch-size 20000 <$data/values.ndjson"
  profile "\`d2-push\`, gzip" "$size" "$push --batch-size 20000 <$data/values.ndjson"
  profile "\`d2-diff\`, both sides" $((2 * size)) "$bin/d2-diff --quiet $data/values.ndjson $data/values.ndjson"
  [[ -e $data/mapping.csv ]] || python3 scripts/lib/bench/make-mapping.py "$data/values.ndjson" "$data"
  profile "\`d2-map\`" "$size" "$bin/d2-map --quiet $data/mapping.csv <$data/values.ndjson"
}
