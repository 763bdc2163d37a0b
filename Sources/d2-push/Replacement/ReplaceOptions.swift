import D2Client
import D2Common
import D2Store

/// The options of `--replace`: delete what the destination has in a scope and the input lacks.
struct ReplaceOptions: Sendable {
  private static let replace = Flag(
    "--replace",
    help:
      "After all of the input: delete what the destination has in its scope and the input does not. Delete nothing if the input is empty or may have ended early."
  )
  private static let maxDelete = Option(
    "--max-delete", as: .quota,
    help:
      "Delete nothing if it would be more than this: a number, or a share of what the destination has of each data set (default 1%)."
  )
  private static let orgUnits = Option(
    "--org-unit", values: "UID",
    help: "Replace these units, with --data-set and --period (default: the scope of the slice or of the end line)."
  )
  private static let children = Flag("--children", help: "Replace all units below them too.")
  private static let periods = Option("--period", values: "PERIOD", help: "Replace these periods (DHIS2 ids).")

  private static let filtered = Flag(
    "--filtered",
    help:
      "Allow lines to be missing: a filter drops them on purpose. Delete what the destination has of them too."
  )

  static let group = OptionGroup("Replacing", [replace, maxDelete, filtered, orgUnits, children, periods])

  let maxDelete: Quota
  /// The scope from the options or the slice; `nil` if the end line of the input defines it.
  let scope: Slice?
  /// The options of the command line that d2-pull also gets when it reads the destination.
  let passedOn: [String]
  let environment: [String: String]
  /// Whether lines are missing on purpose.
  let isFiltered: Bool
  /// The pair, whose source can be asked, and the options for the connection to it.
  private let pair: Pair?
  private let arguments: Arguments

  /// - Returns: `nil` if nothing is to be replaced.
  /// - Throws: `CommandFailure`, 64.
  init?(_ arguments: Arguments, _ options: PushOptions, stored: StoredPair?) throws(CommandFailure) {
    let slice = stored?.slice
    guard arguments[Self.replace] || slice?.replaces != nil else {
      if let option = arguments.first(of: [Self.maxDelete, Self.filtered, Self.orgUnits, Self.children, Self.periods]) {
        throw CommandFailure(.usage, "\(option.name) goes with --replace")
      }
      return nil
    }
    func require(_ holds: Bool, _ message: String) throws(CommandFailure) {
      try CommandFailure.require(holds, "--replace: \(message)")
    }
    try require(options.queue == nil, "a queue does not tell what the destination holds: leave out --via")
    try require(slice?.since.isEmpty ?? true, "an increment holds what changed: what it lacks is not to be deleted")
    try require(
      !options.passedOn.contains { $0.name.hasSuffix("IdScheme") || $0.name == "idScheme" },
      "what the destination holds is compared by uids: leave out the id schemes")
    try require(
      [nil, "CREATE_AND_UPDATE"].contains(options.importStrategy), "it does not go with --import-strategy")
    // Up to 2.42 the deletion would be inserted beside the value.
    try require(
      !options.passedOn.contains { $0.name == "skipExistingCheck" },
      "a deletion needs the check for existing values: leave out --skip-existing-check")
    maxDelete = arguments[Self.maxDelete] ?? slice?.replaces ?? .usualDeletion
    scope = try Self.scope(arguments, options, slice)
    let isStored = stored != nil
    passedOn = Self.passedOn(arguments, isStored: isStored)
    environment = arguments.environment
    isFiltered = arguments[Self.filtered]
    pair = stored?.pair
    self.arguments = arguments
  }

  /// A client for the pair's source; `nil` without a pair. The credentials on the command line belong to the
  /// destination.
  func source(_ log: Log) throws -> DHIS2Client? {
    guard let pair else { return nil }
    return DHIS2Client(try ServerOptions(arguments, log, pair.source, takesCredentials: false), log)
  }

  private static func scope(
    _ arguments: Arguments, _ options: PushOptions, _ slice: Slice?
  ) throws(CommandFailure) -> Slice? {
    let units = arguments[orgUnits]
    let periods = arguments[periods]
    guard !units.isEmpty || !periods.isEmpty || arguments[children] else { return slice }
    try CommandFailure.require(slice == nil, "--slice says the scope: leave out --org-unit, --children and --period")
    guard let dataSet = options.dataSet, !units.isEmpty, !periods.isEmpty else {
      throw CommandFailure(.usage, "--replace: the scope needs --data-set, --org-unit and --period")
    }
    if let odd = periods.first(where: { !PeriodID.isPlausible($0) }) {
      throw CommandFailure(.usage, "--period \(odd): not the id of a period, such as 202401 or 2024Q1")
    }
    var scope = Slice()
    scope.dataSet = dataSet
    scope.orgUnits = units
    scope.periods = periods.joined(separator: ",")
    scope.children = arguments[children]
    return scope
  }

  private static func passedOn(_ arguments: Arguments, isStored: Bool) -> [String] {
    let options: [any AnyOption] =
      ServerOptions.credentials + ServerOptions.transport.options
      + (isStored ? [Store.option] : [ServerOptions.address])
    return options.filter { arguments.has($0) }.flatMap { option in
      option.value == nil ? [option.name] : arguments.texts(of: option).map { "\(option.name)=\($0)" }
    }
  }

  /// The command line of the d2-pull that reads a part of the scope at the destination.
  ///
  /// - Parameter pair: the number of the pair whose destination is read.
  func pull(_ part: Slice, pair: Int?) throws(CommandFailure) -> [String] {
    var words = ["--side=destination", "--spool", "--quiet"]
    if part.kind == .dataValues { words.append("--without-registrations") }
    if let pair {
      var part = part
      part.pair = pair
      part.replaces = nil
      words.append("--slice=\(part.task.text)")
    } else {
      words.append("--data-set=\(part.dataSet)")
      if part.kind == .dataValues { words.append("--tag-data-set") } else { words.append("--registrations") }
      words += part.orgUnits.map { "--org-unit=\($0)" } + (part.children ? ["--children"] : [])
      let periods = try part.periodIDs()
      words += periods.map { "--period=\($0)" }
      if periods.isEmpty {
        let (start, end) = ExportRequest.allTime
        words += ["--start-date=\(start)", "--end-date=\(end)"]
      }
    }
    return words + passedOn
  }
}
