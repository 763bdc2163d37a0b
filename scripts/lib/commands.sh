# shellcheck shell=bash
# Sourced by the scripts that chain the commands: puts them on the PATH. $here is the script's own folder.

# shellcheck disable=SC2154
for folder in "$here" "$here/../.build/release" "$here/../bin" "$here/../../../bin"; do
  if [[ -x $folder/d2-slices ]]; then PATH=$folder:$PATH && break; fi
done
command -v d2-slices >/dev/null ||
  { echo "${0##*/}: d2-slices is not on the PATH: run scripts/install" >&2 && exit 78; }

# These scripts read JSON with jq.
need_jq() {
  command -v jq >/dev/null ||
    { echo "${0##*/}: jq is not installed, and this needs it: apt-get install jq" >&2 && return 78; }
}

# The user's folder for d2: ~/.local/state/d2, as for the commands. An empty or relative variable counts as unset.
state_folder() { # WHAT-TO-DO-WITHOUT
  if [[ ${XDG_STATE_HOME-} == /* ]]; then
    echo "$XDG_STATE_HOME/d2"
  elif [[ ${HOME-} == /* ]]; then
    echo "$HOME/.local/state/d2"
  else
    echo "${0##*/}: neither HOME nor XDG_STATE_HOME is set to a folder: $1" >&2 && return 78
  fi
}

# All later commands use the store that --store named. It is refused as the commands would refuse it: if it has a
# password in it, or does not exist.
use_store() { # STORE
  d2-pairs list --store "$1" >/dev/null || return
  export D2_STORE=$1
  absolute_store
}

# All later commands sign in once at each server: they share the session through a private folder, which is removed with
# the script. If the script was killed, d2-slices run removes the folder, because nobody holds its lock.
share_session() {
  local folder
  [[ ! ${D2_SESSION_DIR-} ]] && folder=$(mktemp -d "${TMPDIR:-/tmp}/d2-worker-XXXXXX") || return 0
  # shellcheck disable=SC2093
  exec {session_lock}<"$folder" && flock "$session_lock" && export D2_SESSION_DIR=$folder
  # shellcheck disable=SC2064
  trap "rm -f $(printf %q "$folder")/session-*; rmdir $(printf %q "$folder")" EXIT
}

# One store has one name, whatever the current folder is.
absolute_store() {
  [[ ! ${D2_STORE-} || $D2_STORE == *://* ]] || { D2_STORE=$(realpath -m -- "$D2_STORE") && export D2_STORE; }
}

# A number before what it counts: 1 slice, 2 slices.
counted() { # NUMBER NOUN
  if (($1 == 1)); then echo "$1 $2"; else echo "$1 ${2}s"; fi
}

# Runs a command, passes on the signals that this script gets, and returns the command's status.
relaying_signals() {
  local child='' caught='' status before
  before=$(trap -p TERM INT)
  # Before the start, so that a signal in between reaches the command too.
  trap 'caught=TERM; [[ ! $child ]] || kill -TERM "$child" 2>/dev/null' TERM
  trap 'caught=INT; [[ ! $child ]] || kill -INT "$child" 2>/dev/null' INT
  "$@" &
  child=$!
  [[ ! $caught ]] || kill -"$caught" "$child" 2>/dev/null
  wait "$child"
  status=$?
  # A signal ends the wait, not the command.
  while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    status=$?
  done
  trap - TERM INT
  eval "$before"
  return "$status"
}

# For dry runs: what would be moved by a plan with these options. If resets is set, slices of these plans that are
# refused or parked are retried too.
would_move() { # PAIR HOW OPTION-OF-PLAN…
  local pair=$1 how=$2 planned ends count
  shift 2
  need_jq || return
  planned=$(d2-slices plan --dry-run --pair "$pair" "$@") || return
  ends=$(d2-pairs show "$pair" --format json |
    jq -r '"\(.source) to \(.destination)" | gsub("[[:cntrl:]]"; "?")') || return
  count=$(jq .open <<<"$planned")
  # Unless the whole plan is requeued already.
  if [[ ${resets+set} && $(jq .again <<<"$planned") == 0 ]]; then
    count=$((count + $(d2-slices list --pair "$pair" --state failed,refused "${resets[@]}" --format json | wc -l)))
  fi
  echo "$(counted "$count" slice) would be moved from $ends, $how; nothing was changed"
}

# The same if the metadata would be fetched first: the first time there is nothing yet to make slices of.
would_fetch_and_move() { # PAIR HOW OPTION-OF-PLAN…
  local units sets
  units=$(d2-orgunits list --pair "$1" --active --format json | wc -l) || return
  sets=$(d2-datasets list --pair "$1" --active --format json | wc -l) || return
  if ((units > 0 && sets > 0)); then
    would_move "$@"
  else
    echo "slices would be planned after that: the store has $units active organisation units and $sets active data" \
      "sets now; nothing was changed"
  fi
}
