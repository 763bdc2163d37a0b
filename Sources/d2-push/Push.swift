import D2Client
import D2Common

/// Reads data values from stdin and posts them in batches to a DHIS2 server, or to a queue before it, accounting for
/// every one.
package struct Push: ToolkitCommand {
  package static let name = "d2-push"
  package static let abstract =
    "post data values (NDJSON on stdin) to a DHIS2 server in batches, and account for every one"

  static let description = CommandDescription(
    name: name, abstract: abstract,
    examples: [
      (
        "d2-push --url https://dhis2.example --rejects rejects.ndjson < values.ndjson",
        "send a file; what is refused is kept"
      ),
      (
        "jq -c .value rejects.ndjson | d2-push --url https://dhis2.example --rejects again.ndjson",
        "try the refused values again, after fixing the cause"
      ),
      ("d2-pull … | d2-push --url https://other.example --dry-run", "see what the server would say, storing nothing"),
      (
        "d2-pull … --registrations | d2-push --url https://other.example --registrations",
        "complete data set registrations"
      ),
      (
        "d2-pull … --tag-data-set | d2-push --via dispatcher2 --dispatcher-url http://localhost:9191/queue --source hmis --destination repo --facilities units.ndjson",
        "queue the values in a dispatcher2, which posts them"
      ),
      (
        "d2-pull --pair hmis -y 2024 --end-line | d2-push --pair hmis --replace",
        "and delete what only the destination has of that year"
      ),
    ],
    groups: [
      PushOptions.what, ReplaceOptions.group, PushOptions.how,
      QueueOptions.group, StoredPair.group, ServerOptions.group(.destination), ServerOptions.transport,
    ],
    statuses: [
      (
        .success,
        "every value was accepted; ignored ones are equal to what the server has, those not kept are zeros or white space that it does not store"
      ),
      (.incomplete, "some values were refused, or not kept with --fail-on-not-kept"),
      (.usage, "the command line is wrong"),
      (
        .malformedInput,
        "a line of the input is not a data value; what stands before it was sent. Or --replace may delete nothing: all was sent"
      ),
      (.unreachable, "the server cannot be reached"),
      (.cannotWrite, "the rejects or the output cannot be written"),
      (
        .temporary,
        "the server failed after all retries: what was not accepted is in the rejects, or the input must be run again"
      ),
      (.notDHIS2, "the other end does not speak DHIS2, or is not the queue"),
      (.refused, "credentials or authority refused"),
      (.configuration, "a queue does not know the source or the destination"),
      (.interrupted, "interrupted (143 by SIGTERM)"),
    ],
    manual: Manual(
      [
        """
        Reads data values, one JSON object a line, from standard input and posts them in batches to \
        `/api/dataValueSets` of a DHIS2 server. Of every value it says what became of it: imported, updated, deleted, \
        ignored (the server changed nothing, as a rule because it has the same value), refused, not sent or not kept. \
        The totals come last on standard error, and add up to what was read. Standard output has a JSON line for each \
        batch.
        """,
        """
        *Not kept* are values that a server up to 2.42 accepts and does not store: a zero of a data element with \
        `zeroIsSignificant` false, which also deletes the value that was there, and white space. They are in the \
        rejects too, with the reason, and do not change the status unless `--fail-on-not-kept` is given. *Changed* \
        counts values that are stored in another spelling: without the white space around a text, booleans as `true` \
        or `false`; they are among the others. For both, d2-push asks the destination once about the data elements.
        """,
        """
        Lines that a server would read otherwise than they are written are malformed and never sent: an object or \
        array where a text belongs, a key that is there twice, a category option combo that is null (the server would \
        take the default one; `--null-combo default` sends it). Values of data elements that hold files or pictures \
        are refused without asking the server: the file itself does not travel with the value.
        """,
        """
        A server may refuse a whole batch for one bad value, or say SUCCESS and store nothing. d2-push divides such a \
        batch until the bad values stand alone, and posts the others. What is refused goes to the file of `--rejects`, \
        one JSON object a line: `value` (the line as it was read; `text` where it is malformed), `line` (its number), \
        `errorCode`, `message`, `hint` (what to do) and `httpStatus`.
        """,
        """
        How many values a request holds is found by measuring, within the bounds of `--batch-size`. An import whose \
        answer is lost is posted again: imports are idempotent. Of a key that stands twice in the input the last value \
        wins, whatever `--concurrency` says. When a server stays away, what was not accepted is in the rejects too, \
        and `jq -c .value rejects.ndjson | d2-push ... --rejects again.ndjson` goes on from there.
        """,
        """
        Lines without a data element are complete data set registrations (`d2-pull --with-registrations`). They wait \
        until the values are in. Where a value of a report (data set, period, organisation unit and attribute option \
        combo) was refused, its registration is not sent, and goes to the rejects. With `--registrations` the input is \
        registrations alone.
        """,
        """
        With `--replace` d2-push first sends all of the input. Then it reads the scope of the input at the \
        destination, and deletes what the input lacks there. The scope is that of `--slice`, that of `--data-set`, \
        `--org-unit`, `--children` and `--period`, or what the last line of `d2-pull --end-line` tells. Nothing is \
        deleted (status 65) if the input came through a pipe and has no such line, if lines are missing without \
        `--filtered`, if the input is empty or a line of it is no value, or if it would be more than `--max-delete`. \
        What the destination has of refused values stays. So do values of organisation units that the source has \
        elsewhere, and of data elements that its data set lacks. From 2.43 on the deletions go as `deletion` scopes, \
        before that as deleted values. They are counted apart (`stale` and `removed` in the summary).
        """,
        """
        With `--via` the values are queued in a dispatcher2 or go-dispatcher2, which posts them. Queued is not \
        imported: the totals count it apart. With `--wait` each request is followed until go-dispatcher2 has delivered \
        it.
        """,
      ],
      environment: [
        ("D2_CONCURRENCY", "What `--concurrency` is where it is not given; straight to a server only."),
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
      ]))

  package static func main(_ words: [String]) async -> Never {
    await Command.main(description, words) { arguments, log in
      if let code = arguments[PushOptions.explain] { return try explain(code) }
      let stored = try StoredPair(arguments)
      let options = try PushOptions(arguments, log, stored: stored)
      if options.importStrategy == "DELETE", !options.dryRun {
        try Prompt.confirm(
          "delete what is read from stdin at \(options.server.url)?", otherwise: "nothing was deleted", arguments)
      }
      let client = DHIS2Client(options.server, log)
      if let queue = options.queue {
        let facilities = try Facilities(queue, stored, arguments, log)
        return try await PushRun(options, log).run(client) { try QueueSender(options, queue, facilities, $0) }
      }
      return try await PushRun(options, log).run(client) { client in
        try ServerSender(options, client) { calendar in
          // Whether a Gregorian one would get ids of another calendar is seen by d2-pull.
          guard let source = stored?.pair.source, !PairCalendars.isGregorian(calendar) else { return }
          try PairCalendars.check(calendar, of: options.server.url, other: source, arguments, log)
        }
      }
    }
  }

  /// Tells what an error code means; of all of them a line each.
  private static func explain(_ code: String) throws -> ExitStatus {
    let output = LineOutput.standardOutput()
    if code == "all" {
      for known in ErrorCode.all { try output.line("\(known.code)\t\(known.meaning)\t\(known.advice)") }
    } else if let known = ErrorCode.named(code) {
      try output.line("\(known.code): \(known.meaning).\n\(known.advice)")
    } else {
      throw CommandFailure(.usage, "--explain \(code.quoted): no error code that d2 meets; --explain all lists those")
    }
    try output.flush()
    return .success
  }
}
