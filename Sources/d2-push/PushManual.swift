import D2Common

extension Push {
  static let manual = Manual(
    [
      """
      Reads data values, one JSON object a line, from standard input and posts them in batches to `/api/dataValueSets` of a DHIS2 server. Of \
      every value it says what became of it: imported, updated, deleted, ignored (the server changed nothing, as a rule because it has the same \
      value), refused, not sent or not kept. The totals come last on standard error, and add up to what was read. Standard output has a JSON line \
      for each batch.
      """,
      """
      *Not kept* are values that a server up to 2.42 accepts and does not store: a zero of a data element with `zeroIsSignificant` false, which \
      also deletes the value that was there, and white space. They are in the rejects too, with the reason, and do not change the status unless \
      `--fail-on-not-kept` is given. *Changed* counts values that are stored in another spelling: without the white space around a text, booleans \
      as `true` or `false`; they are among the others. For both, d2-push asks the destination once about the data elements.
      """,
      """
      Lines that a server would read otherwise than they are written are malformed and never sent: an object or array where a text belongs, a key that is there \
      twice, a category option combo that is null (the server would take the default one; `--null-combo default` sends it). Values of data elements that hold \
      files or pictures are refused without asking the server: the file itself does not travel with the value.
      """,
      """
      A server may refuse a whole batch for one bad value, or say SUCCESS and store nothing. d2-push divides such a batch until the bad values \
      stand alone, and posts the others. What is refused goes to the file of `--rejects`, one JSON object a line: `value` (the line as it \
      was read; `text` where it is malformed), `line` (its number), `errorCode`, `message`, `hint` (what to do) and `httpStatus`.
      """,
      """
      How many values a request holds is found by measuring, within the bounds of `--batch-size`. An import whose answer is lost is posted again: \
      imports are idempotent. Of a key that stands twice in the input the last value wins, whatever `--concurrency` says. When a server stays \
      away, what was not accepted is in the rejects too, and `jq -c .value rejects.ndjson | d2-push ... --rejects again.ndjson` goes on from there.
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
    files: [
      (
        "rejects.ndjson",
        "What `--rejects` names: made with mode 0600, and holds data. Rejects that are there already are replaced only with `--overwrite-rejects`."
      ),
      ("rejects.ndjson.part", "What a run writes until its end; a run that was killed leaves it."),
    ])
}
