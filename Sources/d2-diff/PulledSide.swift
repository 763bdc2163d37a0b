import D2Client
import D2Common
import D2Store

/// The command lines of the two d2-pulls that read a pair.
enum PulledSide {
  /// What is asked of both servers alike, as d2-pull understands it.
  static let group = OptionGroup(
    "What to compare of a pair (as d2-pull --pair)",
    [
      PairOptions.pair,
      Option("--slice", value: "JSON|-", help: "A slice of the ledger as d2-slices list prints it."),
      Option("--data-set", values: "NAME", help: "Data sets (default: all active ones)."),
      Option("--only", "-l", value: "UNIT,…", help: "Of the pair's active organisation units only these."),
      Option("--org-unit", values: "UID", help: "Organisation units of the servers instead."),
      Option("--children", help: "With all below them."),
      Option("--period", "-p", values: "PERIOD", help: "The data sets' periods in it."),
    ] + CalendarOptions.options + [
      Option("--registrations", help: "Compare complete data set registrations instead of values."),
      Option("--start-date", value: "DATE", help: "With --end-date: all periods that lie wholly between."),
      Option("--end-date", value: "DATE", help: "The last day."),
      Option(
        "--include-deleted",
        help: "Ask the source for deleted values too: what it deleted and the destination has is then known as such."),
      Store.option,
    ])

  /// What is handed on to both: all of the group, and how servers are talked to.
  private static let passedOn = group.options + ServerOptions.transport.options

  /// The arguments of the d2-pull that reads one side of a pair.
  static func arguments(_ side: PairSide, of pair: Pair, _ given: Arguments, slice: String?) -> [String] {
    // The row that was found: its name may mean another one by then.
    let ours = ["--slice": slice, "--pair": pair.reference]
    // Held back until it is whole, an answer that breaks off is asked for again.
    var words = ["--side=\(side.rawValue)", "--spool", given.has("--verbose") ? "--verbose" : "--quiet"]
    for option in passedOn where given.has(option.name) {
      if option.name == "--include-deleted", side == .destination { continue }
      if option.value == nil {
        words.append(option.name)
      } else {
        for value in given.texts(option.name) {
          words.append("\(option.name)=\((ours[option.name] ?? nil) ?? value)")
        }
      }
    }
    return words
  }
}
