import D2Client
import D2Common
import D2Store

/// The command lines of the two d2-pulls that read a pair.
enum PulledSide {
  static let slice = SliceOption.option.described("Compare this slice of the ledger, as d2-slices list prints it.")
  static let dataSets = Option(
    "--data-set", values: "NAME", splits: false, help: "Compare these data sets (default: all active ones).")
  private static let only = Option(
    "--only", "-l", value: "UNIT,…",
    help: "Compare only these active units of the pair: a name, code or uid, LEVEL-3 or GROUP:name.")
  private static let units = Option(
    "--org-unit", values: "UID", help: "Compare these organisation units of the servers instead.")
  private static let children = Flag("--children", help: "Include all units below them.")
  private static let registrations = Flag(
    "--registrations", help: "Compare complete data set registrations instead of values.")
  private static let startDate = Option(
    "--start-date", value: "DATE", help: "Read all periods that lie wholly between this day and --end-date.")
  private static let endDate = Option("--end-date", value: "DATE", help: "End with this day (with --start-date).")
  private static let includeDeleted = Flag(
    "--include-deleted",
    help: "Ask the source for deleted values too, to recognise those that the destination still has.")

  /// The options for both servers, with d2-pull's meanings.
  static let group = OptionGroup(
    "What to compare of a pair (as d2-pull --pair)",
    [
      PairOptions.pair, slice, dataSets, only, units, children,
      CalendarOptions.period.described("Compare the data sets' own periods that overlap this one."),
    ] + CalendarOptions.options + [registrations, startDate, endDate, includeDeleted, Store.option])

  /// The options that both pulls get: the whole group, and those for connections.
  private static let passedOn = group.options + ServerOptions.transport.options

  /// The day for relative periods, the same for both sides, because midnight may pass between their requests.
  ///
  /// - Throws: `ServerError`, `CommandFailure`.
  static func relativeDate(of pair: Pair, _ given: Arguments, _ log: Log) throws -> [String] {
    let relatives = given[CalendarOptions.period].compactMap { RelativePeriod($0) }
    guard !relatives.isEmpty, !given.has(CalendarOptions.relativeDate) else { return [] }
    let source = try pair.client(of: .source, given, log)
    return ["\(CalendarOptions.relativeDate.name)=\(try PeriodClock(source, relatives, log).today)"]
  }

  /// The arguments of the d2-pull for one side of a pair.
  static func arguments(_ side: PairSide, of pair: Pair, _ given: Arguments, slice: String?) -> [String] {
    // The row that was found, because its name may mean another pair by then.
    let ours = [Self.slice.name: slice, PairOptions.pair.name: pair.reference]
    // A spooled answer is requested again if it breaks.
    var words = ["--side=\(side.rawValue)", "--spool", given[CommandDescription.verbose] ? "--verbose" : "--quiet"]
    for option in passedOn where given.has(option) {
      if option.name == includeDeleted.name, side == .destination { continue }
      if option.value == nil {
        words.append(option.name)
      } else {
        for value in given.texts(of: option) {
          words.append("\(option.name)=\((ours[option.name] ?? nil) ?? value)")
        }
      }
    }
    return words
  }
}
