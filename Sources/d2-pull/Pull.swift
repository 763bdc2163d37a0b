import D2Client
import D2Common
import D2Store

/// Reads data values from a DHIS2 server, and writes them to stdout while they download, one on each line.
package struct Pull: ToolkitCommand {
  package static let name = "d2-pull"
  package static let abstract =
    "read data values from a DHIS2 server, one JSON object a line, while they download"

  static let description = CommandDescription(
    name: name, abstract: abstract,
    examples: [
      (
        "d2-pull --url https://dhis2.example --data-set BfMAe6Itzgt --org-unit ImspTQPwCqd --children --period 202401",
        "read a month of a data set, for a whole country"
      ),
      (
        "d2-pull … --period 202401,202402 | jq -c 'select(.deleted != true)' | d2-push --url https://other.example",
        "move two months, filtered, to another server"
      ),
      (
        "d2-pull … --start-date 2023-01-01 --end-date 2023-12-31 --include-deleted --spool > values.ndjson",
        "write a year to a file, with deleted values; hold each answer back until it is complete"
      ),
      (
        "d2-pull --pair hmis -y 2024 -q 1 | d2-push --pair hmis --rejects rejects.ndjson",
        "move a quarter of all active data sets of a pair, each in its own periods"
      ),
      ("d2-pull … --last-updated-duration 7d", "read what changed in the last seven days"),
      ("d2-pull --pair hmis -y 2024 --count", "estimate how many values a year has"),
      (
        "d2-pull … --analytics --data-element UID,UID --org-unit ImspTQPwCqd --level 3 --period LAST_12_MONTHS",
        "read the sums of the server's analytics for each district"
      ),
      (
        "d2-pull --pair hmis --exchange \"HIV to donor\" --explain",
        "show what a data exchange of the server would ask for"
      ),
    ],
    groups: [
      PullOptions.selection, AnalyticsSubject.group,
      OptionGroup("What to read as a data exchange", [ExchangePull.option]),
      PairPull.group, PullOptions.output, PullOptions.fetching,
      ServerOptions.group(.source), ServerOptions.transport,
    ],
    statuses: [
      (.success, "everything that you asked for is written"),
      (
        .incomplete,
        "some ids are unknown, or values were left out because they have no id in the id scheme; all others are written"
      ),
      (.usage, "the command line is wrong, or the server refuses the query"),
      (.unreachable, "the server cannot be reached"),
      (.cannotWrite, "the output cannot be written"),
      (.cannotRead, "a file of the command line cannot be read"),
      (
        .temporary,
        "the answer broke off, the server failed or took too long after all retries, or its analytics tables are missing or too old: run it again"
      ),
      (.notDHIS2, "the other end does not speak DHIS2"),
      (.refused, "credentials or access refused"),
      (.configuration, "there is no such pair, or the store or a secret of the pair is unusable"),
      (.interrupted, "interrupted (143 by SIGTERM); SIGPIPE ends it if its reader is gone"),
    ],
    manual: Manual([
      """
      Reads data values of a DHIS2 server through `/api/dataValueSets` and writes them to standard output, one JSON \
      object a line, while they download. Each value stays byte for byte as the server wrote it. If the data set is \
      known and the server did not name it, a last key `"dataSet"` is added. Memory does not grow with the number of \
      values.
      """,
      """
      You say what to read in one of two ways. By ids: `--data-set` (or `--data-element`, `--data-element-group`), \
      `--org-unit` with `--children`, and `--period` or `--start-date` with `--end-date`. Or by `--pair`: the active \
      data sets and organisation units that d2-datasets(1) and d2-orgunits(1) fetched into the store. Then each data \
      set has the periods of its own type that overlap the dates of `-y`, `-m`, `-q`, `-n`, `-c`, `-p` or `--from` \
      with `--to`. Without dates that is the current year so far; for daily data it is the current month.
      """,
      """
      Servers up to 2.42 silently leave out ids that they do not know. d2-pull looks them up first, names them, and \
      ends with status 1. These servers also end a failed query with an answer that looks complete: it has a multiple \
      of 1,000 values, or the server closes the connection unannounced. d2-pull repeats such a request, and believes \
      the answer only when two agree. `--no-check` does neither.
      """,
      """
      With `--id-scheme CODE` (or `NAME`, `ATTRIBUTE:uid`, or the scheme of one kind of object) the values have such \
      ids, and so has the added `"dataSet"`. Give the same schemes to d2-push(1). If a data set has no such id, \
      nothing is read and the status is 64. For other objects without such an id, servers up to 2.42 write `null`. A \
      destination would take that for another object (for a combo, the default one). So d2-pull leaves out and counts \
      these values, names the objects, and ends with status 1. Later servers refuse the export. Combos seldom have \
      codes: `--id-scheme CODE --category-option-combo-id-scheme UID --attribute-option-combo-id-scheme UID`, given to \
      both commands, uses uids for them.
      """,
      """
      With `-i`, `--last-updated` or `--last-updated-duration` only changes come. Servers compare times by their own \
      zone, and each version does it in another way. d2-pull asks in the form that is right for the server, and shows \
      what it asks for. It leaves out values whose own `lastUpdated` is older (`older` in the summary). A time without \
      an offset is the source's local time. With `--limit` the server picks the values before those are left out.
      """,
      """
      A request can be too much for the server or for a proxy in front of it: status 502 or 504, a timeout, an address \
      that is too long. d2-pull then divides it by periods, dates, organisation units and the units below them, until \
      the server answers the parts. Each value still comes once.
      """,
      """
      An answer that breaks off ends the command with status 75, after the values that came are written. With \
      `--spool` d2-pull holds each answer in a temporary file until it is complete. It fetches a broken one again \
      automatically, and no value comes out twice. d2-slices(1) runs it so.
      """,
      """
      A slow reader does not hold the server up: d2-pull reads ahead as much as `--read-ahead` allows, in memory and \
      in a temporary file without a name. (The file is in `TMPDIR`, and takes at most half of the free room.) Beyond \
      that the server waits for the reader. After a signal the output ends with a whole line.
      """,
      """
      With `--with-registrations`, or for a pair that moves them (`d2-pairs set --with-registrations on`), complete \
      data set registrations of the same data sets, units and times follow the values, in the same stream. A line \
      without a data element is a registration. d2-push(1) posts them when the values are in. \
      `--without-registrations` leaves them out.
      """,
      """
      The end of a pipe does not show whether its writer finished. With `--end-line` a last line \
      (`{"end":{"values":…,"scope":[…]}}`) says that the output is complete. It has the number of lines, what was \
      asked for, and the organisation units and data elements that the source has of it. `d2-push --replace` needs \
      this line before it deletes anything. A filter in between must let it pass: `jq -c 'if .end then . else … end'`. \
      Other commands ignore it.
      """,
      """
      Credentials come from the pair, from `--pat-file` or `--username` with `--password-file`, or from the \
      environment. They never come from the command line itself. d2-pull does not try a refused password twice.
      """,
    ]))

  package static func main(_ words: [String]) async -> Never {
    await Command.main(description, words) { arguments, log in
      let slice = arguments.has(SliceOption.option) ? try SlicePull(arguments) : nil
      if let name = arguments[ExchangePull.option] {
        let options = try PullOptions.server(arguments, log, serverOfPair(arguments))
        return try await ExchangePull(name, arguments, DHIS2Client(options, log), log).run(words)
      }
      // For analytics, only the server of a pair and the names of its data sets matter.
      let isOfSums = arguments[AnalyticsSubject.analytics]
      let stored: (any StoredSelection)? =
        if let slice { slice } else {
          arguments.has(PairOptions.pair) && !isOfSums ? try PairPull(arguments, log) : nil
        }
      let server = try isOfSums ? serverOfPair(arguments) : stored?.server
      var options = try PullOptions(arguments, log, server: server)
      if isOfSums { options.dataSets = try uids(ofDataSets: options.dataSets, arguments) }
      if let slice {
        options.kind = slice.slice.kind
        if slice.slice.replaces != nil, !slice.isOfDestination { options.writesEndLine = true }
      }
      let client = DHIS2Client(options.server, log)
      return try await PullRun(options, stored, client, log).run()
    }
  }

  /// The uids of the data sets of `--analytics`. They may have names that the pair knows. Uids alone need not be of the
  /// pair.
  private static func uids(ofDataSets words: [String], _ arguments: Arguments) throws -> [String] {
    guard arguments.has(PairOptions.pair), !words.isEmpty else { return words }
    let (store, pair) = try PairOptions.open(arguments)
    do {
      return try DataSetTable(store, pair).chosen(arguments[PullOptions.dataSets], of: pair).map(\.uid)
    } catch let failure as CommandFailure {
      guard words.allSatisfy(UID.canBe) else { throw failure }
      return words
    }
  }

  /// The server from `--pair` and `--side`.
  static func serverOfPair(_ arguments: Arguments) throws -> ConfiguredServer? {
    guard arguments.has(PairOptions.pair) else { return nil }
    return (arguments[PairSide.option] ?? .source).server(of: try PairOptions.open(arguments).pair)
  }
}
