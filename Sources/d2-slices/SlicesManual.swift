import D2Common

extension Slices {
  static let manual = Manual(
    [
      """
      Moves years of data, or what changed since the last time, in slices that survive whatever happens. A slice is one data set, some time and some \
      organisation units: what one pull and one push move. `plan` adds slices to the ledger in the store, `run` works them off, `status` and \
      `report` tell how far it is. The other verbs are for those who bring their own engine.
      """,
      """
      A slice is waiting, leased to a worker, in retry, done, refused, or failed. It is done when d2-pull(1) and d2-push(1) both ended well and said so, not \
      before. A worker that dies loses its lease, and another one takes the slice. A slice that fails waits longer each time, and is parked as failed \
      after `--attempts`, with its last error, until `reset`. When the destination refuses values, trying again changes nothing: the slice rests as refused, with its rejects and the reason, until `reset`, \
      or is done with `--accept-rejects`. A server that is down makes all workers wait; no slice is charged for that. \
      Any number of workers, on any number of hosts, may run at once on one PostgreSQL store.
      """,
      """
      `plan` again adds only what is not there. With `-i` it opens a window from the last delivery of each data set to now, by the \
      source's clock; the mark moves when all slices of the window are done. `plan -i` adds none while a window is open.
      """,
      """
      `run` runs for each slice what stands behind `--`, under `bash -o pipefail -c`, with the variables below; without it \
      `d2-pull --slice "$D2_SLICE" --spool | d2-push --slice "$D2_SLICE" --rejects "$D2_REJECTS" >/dev/null`. SIGTERM and Ctrl-C end the children \
      first and give their slices back.
      """,
      """
      Done is not verified: d2-reconcile(1) compares both ends and has `verify` note what is equal.
      """,
    ],
    environment: [
      ("D2_SLICE", "Given to the command of `run`: the slice, as JSON."),
      ("D2_SLICE_ID, D2_PAIR", "Given to it: the slice's number, and the pair as `--pair` takes it: id:7."),
      (
        "D2_REJECTS",
        "Given to it: a file for refused values, of this attempt alone; when it has read everything, it becomes the slice's."
      ),
      ("D2_SUMMARY_DIR", "Given to it: where d2-pull and d2-push leave their summaries by themselves."),
    ],
    files: [
      (
        "~/.local/state/d2/rejects/STORE/pair-N/slice-N.ndjson",
        "Refused values of a slice, unless `--rejects-dir` names another folder. The report points to them."
      )
    ])
}
