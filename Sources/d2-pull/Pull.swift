import D2Client
import D2Common
import D2Store

/// Reads data values from a DHIS2 server and writes them to stdout, one a line, while they download.
package struct Pull: ToolkitCommand {
  package static let name = "d2-pull"
  package static let abstract =
    "read data values from a DHIS2 server, one JSON object a line, while they download"

  static let description = CommandDescription(
    name: name, abstract: abstract,
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
      (
        "d2-pull … --analytics --data-element UID,UID --org-unit ImspTQPwCqd --level 3 --period LAST_12_MONTHS",
        "what the server's analytics sum up for each district"
      ),
      ("d2-pull --pair hmis --exchange \"HIV to donor\" --explain", "what a data exchange of the server would ask for"),
    ],
    groups: [
      PullOptions.selection, AnalyticsSubject.group,
      OptionGroup("What to read, as an exchange does", [ExchangePull.option]),
      PairPull.group, PullOptions.output, PullOptions.fetching,
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
      (
        .temporary,
        "the answer was cut off, or the server failed or took too long after all retries, or its analytics tables are missing or too old: run it again"
      ),
      (.notDHIS2, "the other end does not speak DHIS2"),
      (.refused, "credentials or access refused"),
      (.interrupted, "interrupted (143 by SIGTERM); dies of SIGPIPE when its reader goes"),
    ],
    manual: Manual([
      """
      Reads data values of a DHIS2 server through `/api/dataValueSets` and writes them to standard output, one JSON \
      object a line, while they download. Each value is byte for byte as the server wrote it; where the data set is \
      known and the server did not name it, a last key `"dataSet"` is added. Memory does not grow with the number of \
      values.
      """,
      """
      What is read is said in one of two ways. By ids: `--data-set` (or `--data-element`, `--data-element-group`), \
      `--org-unit` with `--children`, and `--period` or `--start-date` with `--end-date`. Or by `--pair`: the active \
      data sets and organisation units that d2-datasets(1) and d2-orgunits(1) fetched into the store, each data set in \
      the periods of its own type that overlap the dates of `-y`, `-m`, `-q`, `-n`, `-c`, `-p` or `--from` with \
      `--to`. Without dates that is the current year so far, and of daily data the current month.
      """,
      """
      Servers up to 2.42 leave out ids that they do not know, without a word. d2-pull looks them up first, names them, \
      and ends with status 1. They also end a failed query as an answer that looks whole: one that has a multiple of \
      1,000 values, or whose connection is closed unannounced. Such an answer is asked for again, and counts only when \
      two agree. `--no-check` does neither.
      """,
      """
      With `--id-scheme CODE` (or `NAME`, `ATTRIBUTE:uid`, or the scheme of one kind of object) the values come with \
      such ids, the `"dataSet"` that is added too; d2-push(1) is given the same schemes. Where a data set has no such \
      id, nothing is read and the status is 64. For anything else that has none, servers up to 2.42 write `null`, \
      which a destination would take for another object (of a combo, for the default one): such values are left out \
      and counted, the objects are named, and the status is 1. Later servers refuse the export. Combos seldom have \
      codes: `--id-scheme CODE --category-option-combo-id-scheme UID --attribute-option-combo-id-scheme UID`, given to \
      both commands, takes uids for them.
      """,
      """
      With `-i`, `--last-updated` or `--last-updated-duration` only changes come. Servers compare times by their own \
      zone, each version in another way: d2-pull asks in the form that is right for the server, says what it asks for, \
      and leaves out values whose own `lastUpdated` is older (`older` in the summary). A time without an offset is the \
      source's local time. With `--limit` the server picks the values before those are left out.
      """,
      """
      A request that is too much for the server or for a proxy before it (status 502 or 504, a timeout, an address \
      that is too long) is divided: by periods, dates, organisation units and what is below them, until the parts are \
      answered. Each value still comes once.
      """,
      """
      An answer that breaks off ends the command with status 75, after the values that came are out. With `--spool` \
      each answer is held in a temporary file until it is whole: a broken one is fetched again by itself, and no value \
      comes out twice. That is what d2-slices(1) runs.
      """,
      """
      A slow reader does not hold the server up: as much as `--read-ahead` allows is read ahead of it, in memory and \
      in a temporary file without a name (in `TMPDIR`, of which at most half of the free room is taken). Beyond that \
      the server waits for the reader. After a signal the output ends with a whole line.
      """,
      """
      With `--with-registrations`, or for a pair that moves them (`d2-pairs set --with-registrations on`), complete \
      data set registrations of the same data sets, units and times follow the values, in the same stream. A line \
      without a data element is a registration. d2-push(1) posts them when the values are in. \
      `--without-registrations` leaves them out.
      """,
      """
      The end of a pipe does not tell whether its writer finished. With `--end-line` a last line \
      (`{"end":{"values":…,"scope":[…]}}`) says that all is out, how many lines there were, what was asked for, and \
      which organisation units and data elements the source has of it. `d2-push --replace` needs this line before it \
      deletes anything. A filter in between must let it pass: `jq -c 'if .end then . else … end'`. Other commands \
      ignore it.
      """,
      """
      Credentials come from the pair, from `--pat-file` or `--username` with `--password-file`, or from the \
      environment; never from the command line itself. A password that a server refuses is not tried twice.
      """,
    ]))

  package static func main(_ words: [String]) async -> Never {
    await Command.main(description, words) { arguments, log in
      let slice = arguments.has(SliceOption.option) ? try SlicePull(arguments) : nil
      if let name = arguments[ExchangePull.option] {
        let options = try PullOptions.server(arguments, log, serverOfPair(arguments))
        return try await ExchangePull(name, arguments, DHIS2Client(options, log), log).run(words)
      }
      // Of a pair analytics need the server alone.
      let isOfSums = arguments[AnalyticsSubject.analytics]
      let stored: (any StoredSelection)? =
        if let slice { slice } else {
          arguments.has(PairOptions.pair) && !isOfSums ? try PairPull(arguments, log) : nil
        }
      let server = try isOfSums ? serverOfPair(arguments) : stored?.server
      var options = try PullOptions(arguments, log, server: server)
      if let slice {
        options.kind = slice.slice.kind
        if slice.slice.replaces != nil, !slice.isOfDestination { options.writesEndLine = true }
      }
      let client = DHIS2Client(options.server, log)
      return try await PullRun(options, stored, client, log).run()
    }
  }

  /// The server that `--pair` and `--side` name.
  static func serverOfPair(_ arguments: Arguments) throws -> ConfiguredServer? {
    guard arguments.has(PairOptions.pair) else { return nil }
    return (arguments[PairSide.option] ?? .source).server(of: try PairOptions.open(arguments).pair)
  }
}
