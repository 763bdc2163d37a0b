# shellcheck shell=bash
# Sourced by scripts/bench: measures every table in one run. The Markdown of each part goes to bench-data/tables.
# shellcheck disable=SC2154  # quick, writes, runs, seeds and the others are set there.

tables=bench-data/tables
failed_parts=()

# part NAME ARGUMENT…: one call of scripts/bench. If it fails, the others are still measured.
part() {
  local name=$1 begun=$SECONDS
  shift
  echo "bench: scripts/bench $*" >&2
  if scripts/bench --no-build "$@" >"$tables/$name.new" 2>"$tables/$name.log"; then
    mv "$tables/$name.new" "$tables/$name.md"
  else
    failed_parts+=("$name")
    { echo "bench: $name failed:" && tail -n 5 "$tables/$name.log"; } >&2
  fi
  echo "bench: $name took $((SECONDS - begun)) s" >&2
}

# The machine, and how busy it was.
say_machine() {
  local model
  model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
  echo "Measured $(date -u +%Y-%m-%d) on $(nproc) cores${model:+ ($model)}, Linux $(uname -r | sed 's/-.*//')," \
    "with a load of $(cut -d' ' -f1 /proc/loadavg) before it." \
    "Versions: d2 $("$bin/d2-pull" --version | awk '{ print $NF }')," \
    "commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown);" \
    "$(curl --version | awk 'NR == 1 { print $1, $2 }')," \
    "$(jq --version), $(nginx -v 2>&1 | sed 's/.*: //')."
}

measured_all() {
  local rounds=(--runs 7 --slow 1) others=(--slow 1) noise=(--seeds "$seeds" --scale "$scale")
  # The most useful part, in less than half an hour: fewer rounds, and without the rows that need half an hour alone.
  if [[ $quick ]]; then
    rounds=(--runs 3 --slow 1) others=(--slow 0) noise=(--seeds 1 --scale 0.1)
    export D2_BENCH_SLICES=${D2_BENCH_SLICES-100000} D2_BENCH_ROUNDS=${D2_BENCH_ROUNDS-12}
  fi
  command -v nginx >/dev/null || install_nginx
  rm -rf "$tables" && mkdir -p "$tables"
  say_machine >"$tables/machine.md"
  part streams pull push startup diff map convert peers --values "$values" "${rounds[@]}"
  part backlog backlog "${others[@]}"
  part slices slices
  part increments increments
  part push-size push-size "${noise[@]}"
  part concurrency push-concurrency "${noise[@]}"
  for each in read-ahead analytics size; do part "$each" "$each"; done
  part profile profile --values "$values"
  part ledger ledger
  python3 scripts/lib/bench/write_tables.py "$tables" ${writes:+BENCHMARKS.md}
  ((${#failed_parts[@]} == 0)) || { echo "bench: failed, so not measured: ${failed_parts[*]}" >&2 && exit 1; }
}
