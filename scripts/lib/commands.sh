# shellcheck shell=bash
# Sourced by the scripts that chain the commands: puts them on the PATH. $here is the script's own folder.

# shellcheck disable=SC2154
for folder in "$here" "$here/../.build/release" "$here/../bin" "$here/../../../bin"; do
  if [[ -x $folder/d2-slices ]]; then PATH=$folder:$PATH && break; fi
done
command -v d2-slices >/dev/null || { echo "${0##*/}: d2-slices is not on the PATH: run scripts/install" >&2 && exit 78; }

# Runs a command that gets the signals that this script gets, and answers with its status.
relaying_signals() {
  local child='' caught='' status before
  before=$(trap -p TERM INT)
  # Before it is started: a signal that comes between must reach it too.
  trap 'caught=TERM; [[ ! $child ]] || kill -TERM "$child" 2>/dev/null' TERM
  trap 'caught=INT; [[ ! $child ]] || kill -INT "$child" 2>/dev/null' INT
  "$@" &
  child=$!
  [[ ! $caught ]] || kill -"$caught" "$child" 2>/dev/null
  wait "$child"
  status=$?
  # A signal ends the waiting, not the command.
  while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    status=$?
  done
  trap - TERM INT
  eval "$before"
  return "$status"
}
