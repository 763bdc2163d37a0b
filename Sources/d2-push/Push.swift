import D2Client
import D2Common

/// Reads data values from stdin and posts them in batches to a DHIS2 server, or to a queue before it, accounting for every one.
@main
struct Push {
  static func main() async {
    await Command.main(description) { arguments, log in
      if let code = arguments.string("--explain") { return try explain(code) }
      let stored = try StoredPair(arguments)
      let options = try PushOptions(arguments, log, stored: stored)
      if arguments.string("--import-strategy") == "DELETE", !arguments.has("--dry-run") {
        try Prompt.confirm(
          "delete what is read from stdin at \(options.server.url)?", otherwise: "nothing was deleted", arguments)
      }
      if let queue = options.queue {
        let facilities = try Facilities(queue, stored, arguments, log)
        return try await QueueRun(options, queue, facilities, DHIS2Client(options.server, log), log).run()
      }
      let source = stored?.pair.source
      return try await PushRun(options, DHIS2Client(options.server, log), log) { calendar in
        // Whether a Gregorian one would get ids of another calendar is seen by d2-pull.
        guard let source, !PairCalendars.isGregorian(calendar) else { return }
        try PairCalendars.check(calendar, of: options.server.url, other: source, arguments, log)
      }.run()
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

  static let description = CommandDescription(
    name: "d2-push",
    abstract: "post data values (NDJSON on stdin) to a DHIS2 server in batches, and account for every one",
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
    ],
    groups: [
      OptionGroup(
        "What is sent",
        [
          Option(
            "--rejects", value: "FILE",
            help:
              "Keep what is not taken, as NDJSON with the value, the reason and the line number. A FILE that holds rejects already is left alone: then nothing is sent, unless one of the next two is given."
          ),
          Option("--append-rejects", help: "Add the rejects to those that FILE holds."),
          Option("--overwrite-rejects", help: "Replace what FILE holds, when all of the input was read."),
          Option(
            "--max-rejects", value: "N|P%",
            help: "End when more than N values, or P percent of those read, were refused."),
          Option(
            "--import-strategy", value: "STRATEGY", help: "CREATE_AND_UPDATE (default), CREATE, UPDATE or DELETE."),
          Option("--dry-run", help: "The server checks and counts but stores nothing."),
          Option("--yes", help: "Do not ask before values are deleted with --import-strategy DELETE."),
          Option(
            "--explain", value: "CODE|all",
            help: "Say what an error code of DHIS2 means and what to do; nothing is sent."),
          Option("--data-set", value: "UID", help: "Name this data set in every request."),
          Option(
            "--null-combo", value: "refuse|default",
            help:
              "Values whose option combo is null: refuse them (default), or send them under the default combo, as a server would read them."
          ),
          Option("--registrations", help: "The input is complete data set registrations."),
          Option(
            "--no-check",
            help:
              "Do not look at the destination's metadata for values that it would not keep, nor, with --pair to a server from 2.43 on, for those that would fail others."
          ),
          Option(
            "--fail-on-not-kept", help: "Status 1 also where the server accepted values that it does not keep."),
          Option("--async", help: "Let the server import as a job, and follow it."),
          Option("--id-scheme", value: "SCHEME", help: "Ids in the input: UID (default), CODE, NAME or ATTRIBUTE:uid."),
          Option("--data-element-id-scheme", value: "SCHEME", help: "Ids of data elements."),
          Option("--org-unit-id-scheme", value: "SCHEME", help: "Ids of organisation units."),
          Option("--data-set-id-scheme", value: "SCHEME", help: "Ids of data sets."),
          Option("--category-option-combo-id-scheme", value: "SCHEME", help: "Ids of category option combos."),
          Option(
            "--attribute-option-combo-id-scheme", value: "SCHEME",
            help: "Ids of attribute option combos (2.43 and later)."),
        ] + PushOptions.switches.map { Option($0.0, help: "\($0.2) (\($0.1)=true).") }),
      OptionGroup(
        "How it is sent",
        [
          Option(
            "--batch-size", value: "N|MIN..MAX",
            help: "Values a request; within bounds the best size is found by measuring (default 100..50000, from 1000)."
          ),
          Option(
            "--batch-bytes", value: "BYTES",
            help: "At most so many bytes a request, before compression (default 12M; less at higher concurrency)."),
          ImportLimit.option,
          Option("--batch-time", value: "TIME", help: "Smaller batches where a request takes longer (default 20s)."),
          Option("--compression", value: "gzip|none", help: "Compress the requests (default gzip)."),
          Option("--summary", value: "FILE", help: "Write the totals as one JSON object."),
        ]),
      QueueOptions.group, StoredPair.group, ServerOptions.group(.destination), ServerOptions.transport,
    ],
    statuses: [
      (
        .success,
        "every value was accepted; ignored ones are equal to what the server has, those not kept are zeros or white space that it does not store"
      ),
      (.incomplete, "some values were refused, or not kept with --fail-on-not-kept"),
      (.usage, "the command line is wrong"),
      (.malformedInput, "a line of the input is not a data value; what stands before it was sent"),
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
    ], manual: manual)
}
