import D2Client
import D2Common

/// Reads data values from a DHIS2 server and writes them to stdout, one a line, while they download.
@main
struct Pull {
  static func main() async {
    await Command.main(description) { arguments, log in
      let slice = arguments.has("--slice") ? try SlicePull(arguments) : nil
      let stored: (any StoredSelection)? =
        if let slice { slice } else { arguments.has("--pair") ? try PairPull(arguments, log) : nil }
      var options = try PullOptions(arguments, log, server: stored?.server)
      if let slice { options.kind = slice.slice.kind }
      let client = DHIS2Client(options.server, log)
      return try await PullRun(options, stored, client, log).run()
    }
  }

  static let description = CommandDescription(
    name: "d2-pull",
    abstract: "read data values from a DHIS2 server, one JSON object a line, while they download",
    examples: [
      (
        "d2-pull --url https://dhis2.example --data-set BfMAe6Itzgt --org-unit ImspTQPwCqd --children --period 202401",
        "a month of a data set, for a whole country"
      ),
      (
        "d2-pull … --period 202401,202402 | jq -c 'select(.deleted != true)' | d2-push --url https://other.example",
        "two months, filtered, to another server"
      ),
      (
        "d2-pull … --start-date 2023-01-01 --end-date 2023-12-31 --include-deleted --spool > values.ndjson",
        "a year into a file, deleted values too, held back until each answer is whole"
      ),
      (
        "d2-pull --pair hmis -y 2024 -q 1 | d2-push --pair hmis --rejects rejects.ndjson",
        "a quarter of all active data sets of a pair, each in its own periods"
      ),
      ("d2-pull … --last-updated-duration 7d", "what changed in the last seven days"),
      ("d2-pull --pair hmis -y 2024 --count", "how much that year would be, and by which requests"),
    ],
    groups: [
      OptionGroup(
        "What to read",
        [
          Option("--data-set", values: "UID", help: "Data sets, one request each."),
          Option("--data-element", values: "UID", help: "Data elements."),
          Option("--data-element-group", values: "UID", help: "Data element groups."),
          Option("--org-unit", values: "UID", help: "Organisation units."),
          Option("--org-unit-group", values: "UID", help: "Organisation unit groups."),
          Option("--children", help: "The organisation units with all below them."),
          Option(
            "--period", "-p", values: "PERIOD",
            help:
              "Periods by their DHIS2 ids: 202401, 2024Q1, 2024W5; with --pair those of each data set's own type in it."
          ),
          Option("--start-date", value: "DATE", help: "With --end-date: all periods that lie wholly between."),
          Option("--end-date", value: "DATE", help: "The last day."),
          Option(
            "--last-updated", value: "TIME",
            help:
              "Only values changed since: 2024-01-31 or 2024-01-31T06:00:00 in the source's local time, or 2024-01-31T06:00:00Z."
          ),
          Option(
            "--last-updated-duration", value: "TIME",
            help: "Only values changed within: 12h, 7d, by the source's clock."),
          Option("--include-deleted", help: "Deleted values too, with \"deleted\":true."),
          Option("--attribute-option-combo", values: "UID", help: "Only these attribute option combos."),
          Option("--limit", value: "N", help: "At most N values in all."),
          Option("--registrations", help: "Complete data set registrations instead of values."),
        ]),
      PairPull.group,
      OptionGroup(
        "How they are written",
        [
          Option("--id-scheme", value: "SCHEME", help: "Ids in the output: UID, CODE, NAME or ATTRIBUTE:uid."),
          Option("--data-element-id-scheme", value: "SCHEME", help: "Ids of data elements in the output."),
          Option("--org-unit-id-scheme", value: "SCHEME", help: "Ids of organisation units in the output."),
          Option(
            "--category-option-combo-id-scheme", value: "SCHEME", help: "Ids of category option combos in the output."),
          Option(
            "--attribute-option-combo-id-scheme", value: "SCHEME", help: "Ids of attribute option combos in the output."
          ),
          Option("--data-set-id-scheme", value: "SCHEME", help: "Ids of data sets in the output, also of \"dataSet\"."),
          Option(
            "--tag-data-set",
            help:
              "Append \"dataSet\" to each value, as is done with several data sets: servers from 2.43 on want to know it."
          ),
        ]),
      OptionGroup(
        "How they are fetched",
        [
          Option(
            "--spool",
            help:
              "Hold each answer in a temporary file until it is known to be whole: then a broken one is fetched again."),
          Option(
            "--no-check",
            help: "Do not look for unknown ids, nor ask again for answers that bear the marks of a failed query."),
          Option("--compression", value: "gzip|none", help: "Ask for gzip (default) or plain JSON."),
          Option(
            "--count",
            help:
              "Estimate what would come, without moving it: counts little exactly, else extrapolates from some organisation units."
          ),
          Option("--explain", help: "Write the requests that would be made, one a line, and make none of them."),
          Option(
            "--summary", value: "FILE", help: "Write values, requests, bytes, seconds and retries as one JSON object."),
        ]),
      ServerOptions.group(.source), ServerOptions.transport,
    ],
    statuses: [
      (.success, "all that was asked for is out"),
      (
        .incomplete,
        "some of the asked-for ids are unknown, or values were left out because an id of theirs is missing in the id scheme; the rest is out"
      ),
      (.usage, "the command line is wrong, or the server refuses the query"),
      (.unreachable, "the server cannot be reached"),
      (.cannotWrite, "the output cannot be written"),
      (.temporary, "the answer was cut off, or the server failed or took too long after all retries: run it again"),
      (.notDHIS2, "the other end does not speak DHIS2"),
      (.refused, "credentials or access refused"),
      (.interrupted, "interrupted (143 by SIGTERM); dies of SIGPIPE when its reader goes"),
    ], manual: manual)
}
