import D2Client
import D2Common

/// Reads data values from stdin and posts them in batches to a DHIS2 server, or to a queue in front of it. It accounts
/// for each value.
package struct Push: ToolkitCommand {
  package static let name = "d2-push"
  package static let abstract =
    "post data values (NDJSON on stdin) to a DHIS2 server in batches, and account for each value"

  static let description = CommandDescription(
    name: name, abstract: abstract,
    examples: [
      (
        "d2-push --url https://dhis2.example --rejects rejects.ndjson < values.ndjson",
        "send a file, and keep the refused values"
      ),
      (
        "jq -c .value rejects.ndjson | d2-push --url https://dhis2.example --rejects again.ndjson",
        "send the refused values again, after fixing the cause"
      ),
      ("d2-pull … | d2-push --url https://other.example --dry-run", "see what the server would say, but store nothing"),
      (
        "d2-pull … --registrations | d2-push --url https://other.example --registrations",
        "send complete data set registrations"
      ),
      (
        "d2-pull … --tag-data-set | d2-push --via dispatcher2 --dispatcher-url http://localhost:9191/queue --source hmis --destination repo --facilities units.ndjson",
        "queue the values in a dispatcher2, which posts them"
      ),
      (
        "d2-pull --pair hmis -y 2024 --end-line | d2-push --pair hmis --replace",
        "send a year, and delete what only the destination has of it"
      ),
    ],
    groups: [
      PushOptions.what, ReplaceOptions.group, PushOptions.how,
      QueueOptions.group, StoredPair.group, ServerOptions.group(.destination), ServerOptions.transport,
    ],
    statuses: [
      (
        .success,
        "every value was accepted; the server has ignored ones already, and does not store some zeros and white space (not kept)"
      ),
      (.incomplete, "some values were refused, or not kept with --fail-on-not-kept"),
      (.usage, "the command line is wrong"),
      (
        .malformedInput,
        "a line of the input is not a data value: all lines before it were sent. Or --replace must not delete anything: all lines were sent"
      ),
      (.unreachable, "the server cannot be reached"),
      (.cannotWrite, "the rejects or the output cannot be written"),
      (.cannotRead, "a file of the command line cannot be read"),
      (
        .temporary,
        "the server failed after all retries: the rejects hold the values that it did not accept; without rejects, send the input again"
      ),
      (.notDHIS2, "the other end does not speak DHIS2, or is not the queue"),
      (.refused, "credentials or authority refused"),
      (
        .configuration,
        "there is no such pair, the store or a secret of the pair is unusable, "
          + "or a queue does not know the source or the destination"
      ),
      (.interrupted, "interrupted (143 by SIGTERM)"),
    ],
    manual: Manual(
      [
        """
        Reads data values, one JSON object a line, from standard input and posts them in batches to \
        `/api/dataValueSets` of a DHIS2 server. It accounts for each value: imported, updated, deleted, ignored (the \
        server changed nothing, usually because it has the same value), refused, not sent or not kept. The totals come \
        last on standard error, and add up to the number of values read. Standard output has a JSON line for each \
        batch.
        """,
        """
        A server up to 2.42 accepts some values and does not store them: white space, and zeros of a data element with \
        `zeroIsSignificant` false. Such a zero also deletes the value that was there. These values count as not kept. \
        The rejects hold them too, with the reason. They do not change the status unless you give \
        `--fail-on-not-kept`. The totals also say how many values the server stores in another spelling (changed). \
        These are texts without the white space around them, booleans as `true` or `false`, and from 2.43 on integers \
        without `.0`. They count among the others too. \
        For both, d2-push asks the destination once about the data elements.
        """,
        """
        Some lines are malformed, because a server would misread them. They have an object or array in the place of a \
        text, the same key twice, or a category option combo that is null. d2-push never sends them. (For a null combo \
        the server would use the default one; `--null-combo default` sends it.) It also refuses values of data \
        elements that hold files or pictures, without asking the server: the file itself does not travel with the \
        value.
        """,
        """
        A server may refuse a whole batch for one bad value, or say SUCCESS and store nothing. d2-push bisects such a \
        batch until the bad values stand alone, and posts the others. The file of `--rejects` holds the refused \
        values, one JSON object a line. Its keys are `value` (the line as it was read; `text` if it is malformed), \
        `line` (its number), `errorCode`, `message`, `hint` (what to do) and `httpStatus`.
        """,
        """
        d2-push measures to find the best number of values a request, within the bounds of `--batch-size`. If the \
        answer to an import is lost, it posts the import again: imports are idempotent. If a key stands twice in the \
        input, the last value wins, whatever `--concurrency` says. When a server stays away, the rejects also hold the \
        values that it did not accept. `jq -c .value rejects.ndjson | d2-push ... --rejects again.ndjson` resumes.
        """,
        """
        Lines without a data element are complete data set registrations (`d2-pull --with-registrations`). They wait \
        until the values are in. A report is a data set, period, organisation unit and attribute option combo. If the \
        server refused a value of a report, d2-push does not send its registration: it goes to the rejects. With \
        `--registrations` the input holds registrations only. The server tells nobody about new registrations, unless \
        you give `--notify`. It stores registrations of reports that lack compulsory values, unless the data set has \
        `compulsoryFieldsCompleteOnly`. The totals say which values they lack.
        """,
        """
        With `--replace` d2-push first sends all of the input. Then it reads the scope of the input at the \
        destination, and deletes what the input lacks there. The scope comes from `--slice`, from `--data-set`, \
        `--org-unit`, `--children` and `--period`, or from the last line of `d2-pull --end-line`. Nothing is deleted \
        (status 65) if the input came through a pipe and has no such line, or if lines are missing without \
        `--filtered`. The same holds if the input is empty, if a line of it is not a value, or if there is more to \
        delete than `--max-delete`. d2-push does not delete what the destination has of refused values. It also keeps \
        values of organisation units that the source has elsewhere, and of data elements that its data set lacks. The \
        same holds for attribute option combos that the source hides from its user. From 2.43 on the deletions go as \
        `deletion` scopes, before that as deleted values. They are counted separately (`stale` and `removed` in the \
        summary).
        """,
        """
        With `--via` d2-push queues the values in a dispatcher2 or go-dispatcher2, which posts them. Queued is not \
        imported: the totals count it separately. With `--wait` d2-push follows each request until go-dispatcher2 has \
        delivered it.
        """,
      ],
      environment: [
        ("D2_CONCURRENCY", "The default of `--concurrency`; not for a queue."),
        ("D2_DISPATCHER_URL", "The address of the queue, for `--via`."),
        ("D2_DISPATCHER_USERNAME, D2_DISPATCHER_PASSWORD", "Who signs in at the queue."),
        ("D2_DISPATCHER_TOKEN", "A token of go-dispatcher2, instead of these."),
      ],
      files: [
        (
          "rejects.ndjson",
          "The file of `--rejects`: it has mode 0600, because it holds data. Only `--overwrite-rejects` replaces rejects that are there already."
        ),
        ("rejects.ndjson.part", "The rejects while a command runs; a killed command leaves this file."),
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
          // If this calendar is Gregorian, d2-pull checks whether the source has the same one.
          guard let source = stored?.pair.source, !PairCalendars.isGregorian(calendar) else { return }
          try PairCalendars.check(calendar, of: options.server.url, other: source, arguments, log)
        }
      }
    }
  }

  /// Explains an error code, or all of them with one line each.
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
