# shellcheck shell=bash
# Sourced by scripts/bench: other packages from PyPI that people use to move values. Each package has its own folder,
# and runs through its own interface with its own defaults.
# shellcheck disable=SC2154  # runs, url and the others are set there.

peers=(json-stream dhis2.py dhis2w-cli openhexa.toolbox)

# The newest Python on this machine, because dhis2w-cli needs 3.13. One of pyenv need not be on the PATH.
newest_python() {
  local each
  for each in python3.1{9..3} "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[3-9]*/bin/python3; do
    "$each" -c '' 2>/dev/null && echo "$each" && return
  done
  echo python3
}

# True if a package is there, or can be installed.
have_peer() { # PACKAGE
  local folder=bench-data/peers/$1 python=python3
  [[ ! -e $folder/installed ]] || return 0
  # Try it, and report it, only once.
  [[ ! -e $work/without-$1 ]] || return 1
  [[ $1 != dhis2w-cli ]] || python=$(newest_python)
  echo "bench: installing $1" >&2
  rm -rf "$folder" && mkdir -p "$folder"
  if { "$python" -m venv "$folder" && "$folder/bin/pip" install -q --retries 1 "$1"; } >"$work/pip.log" 2>&1; then
    touch "$folder/installed"
  else
    tail -n 1 "$work/pip.log" >"$work/without-$1"
    echo "bench: $1 could not be installed, its rows are left out: $(<"$work/without-$1")" >&2
    return 1
  fi
}

# The Python of a package.
python_of() { echo "bench-data/peers/$1/bin/python"; } # PACKAGE

# Prints in Markdown which packages were measured, and which could not be.
say_peers() {
  local each there=() missing=()
  for each in "${peers[@]}"; do
    if have_peer "$each"; then
      there+=("$each $("$(python_of "$each")" -c \
        'import sys; from importlib.metadata import version; print(version(sys.argv[1]))' "$each")")
    else
      missing+=("$each")
    fi
  done
  ((${#there[@]} == 0)) || echo "From PyPI: $(joined "${there[@]}")."
  ((${#missing[@]} == 0)) || echo "Could not be installed from PyPI, so their rows are left out:" \
    "$(joined "${missing[@]}")."
  [[ ! -e $work/failed ]] || sort -u "$work/failed"
}
joined() {
  local text
  text=$(printf '%s, ' "$@")
  echo "${text%, }"
}

# Each one writes one value a line, posts a file, or only starts. nginx answers as a server of 2.42 would.
rows_of_peers() {
  local lines="Peers: pull, a tenth" posts="Peers: push, a tenth" starts="Peers: start-up, 10 times" command
  local file=bench-data/$tenth/values.json from=$url/peer-source/$tenth to=$url/peer-sink
  local ask="dataSet=BfMAe6Itzgt&orgUnit=ImspTQPwCqd&period=2024" drivers=scripts/lib/bench/peers
  export D2_USERNAME=admin D2_PASSWORD=district
  row "$lines" "$runs" "pull: d2-pull" "$pull/$tenth"
  row "$posts" "$runs" "push: d2-push" "$push <bench-data/$tenth/values.ndjson"
  row "$starts" "$runs" "start: d2-pull --version" "$(ten_times "$bin/d2-pull --version")"
  if have_peer json-stream; then
    # It only reads JSON. The Python tool that d2 replaces reads with it.
    command=$(python_of json-stream)
    row "$lines" "$slow" "pull: json-stream" "$command $drivers/with_json_stream.py '$from/api/dataValueSets'"
    row "$starts" "$slow" "start: import json_stream" "$(ten_times "$command -c 'import json_stream'")"
  fi
  if have_peer dhis2.py; then
    command=$(python_of dhis2.py)
    row "$lines" "$slow" "pull: dhis2.py" "$command $drivers/with_dhis2_py.py pull '$from' '$ask'"
    row "$posts" "$slow" "push: dhis2.py" "$command $drivers/with_dhis2_py.py push '$to' $file"
    row "$starts" "$slow" "start: import dhis2" "$(ten_times "$command -c 'import dhis2'")"
  fi
  if have_peer dhis2w-cli; then
    command="DHIS2_URL=%s DHIS2_USERNAME=admin DHIS2_PASSWORD=district bench-data/peers/dhis2w-cli/bin/d2w"
    # shellcheck disable=SC2059  # the address goes into it
    {
      row "$lines" "$slow" "pull: d2w data aggregate get" \
        "$(printf "$command" "$from") --json data aggregate get --ds BfMAe6Itzgt --ou ImspTQPwCqd --pe 2024"
      row "$posts" "$slow" "push: d2w data aggregate push" "$(printf "$command" "$to") data aggregate push $file"
      row "$starts" "$slow" "start: d2w --version" "$(ten_times "$(printf "$command" "$to") --version")"
    }
  fi
  if have_peer openhexa.toolbox; then
    command=$(python_of openhexa.toolbox)
    row "$lines" "$slow" "pull: openhexa.toolbox" \
      "$command $drivers/with_openhexa.py pull '$from' BfMAe6Itzgt ImspTQPwCqd 2024-01-01 2024-12-31"
    row "$posts" "$slow" "push: openhexa.toolbox" "$command $drivers/with_openhexa.py push '$to' $file"
    row "$starts" "$slow" "start: import openhexa.toolbox.dhis2" \
      "$(ten_times "$command -c 'import openhexa.toolbox.dhis2'")"
  fi
}
ten_times() { echo "for ((i = 0; i < 10; i++)); do $1; done"; }
