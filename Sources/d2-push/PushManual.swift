import D2Common

extension Push {
  static let manual = Manual(
    [
      """
      Reads data values, one JSON object a line, from standard input and posts them in batches to `/api/dataValueSets` of a DHIS2 server. Of \
      every value it says what became of it: imported, updated, deleted, ignored (equal to what was there), refused or not sent. The totals \
      come last on standard error, and add up to what was read. Standard output has a JSON line for each batch.
      """,
      """
      A server may refuse a whole batch for one bad value, or say SUCCESS and store nothing. d2-push divides such a batch until the bad values \
      stand alone, and posts the others. What is refused goes to the file of `--rejects`, one JSON object a line: `value` (the line as it \
      was read), `line` (its number), `errorCode`, `message`, `hint` (what to do) and `httpStatus`.
      """,
      """
      How many values a request holds is found by measuring, within the bounds of `--batch-size`. An import whose answer is lost is posted again: \
      imports are idempotent. Of a key that stands twice in the input the last value wins, whatever `--concurrency` says. When a server stays \
      away, what was not accepted is in the rejects too, and `jq -c .value rejects.ndjson | d2-push ...` goes on from there.
      """,
      """
      With `--via` the values are queued in a dispatcher2 or go-dispatcher2, which posts them. Queued is not imported: the totals count it apart. \
      With `--wait` each request is followed until go-dispatcher2 has delivered it.
      """,
    ],
    environment: [
      ("D2_DISPATCHER_URL", "The address of the queue, for `--via`."),
      ("D2_DISPATCHER_USERNAME, D2_DISPATCHER_PASSWORD", "Who signs in at the queue."),
      ("D2_DISPATCHER_TOKEN", "A token of go-dispatcher2, in place of these."),
    ],
    files: [("rejects.ndjson", "What `--rejects` names: made with mode 0600, and holds data.")])
}
