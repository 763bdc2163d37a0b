import D2Client
import D2Common

/// What one run of d2-push was asked for.
struct PushOptions: Sendable {
  // MARK: What is sent

  private static let rejects = Option(
    "--rejects", value: "FILE",
    help:
      "Keep what is not taken, as NDJSON with the value, the reason and the line number. A FILE that holds rejects already is left alone: then nothing is sent, unless one of the next two is given."
  )
  private static let appendRejects = Flag("--append-rejects", help: "Add the rejects to those that FILE holds.")
  private static let overwriteRejects = Flag(
    "--overwrite-rejects", help: "Replace what FILE holds, when all of the input was read.")
  private static let maxRejects = Option(
    "--max-rejects", as: .quota, help: "End when more than N values, or P percent of those read, were refused.")
  static let importStrategy = Option(
    "--import-strategy", value: "STRATEGY", as: .one(of: ImportStrategy.self),
    help: "CREATE_AND_UPDATE (default), CREATE, UPDATE or DELETE.")
  static let dryRun = Command.dryRun.described("The server checks and counts but stores nothing.")
  static let explain = Option(
    "--explain", value: "CODE|all",
    help: "Say what an error code of DHIS2 means and what to do; nothing is sent.")
  private static let dataSet = Option("--data-set", value: "UID", help: "Name this data set in every request.")
  private static let nullCombo = Option(
    "--null-combo", value: "refuse|default", as: .one(of: NullCombo.self),
    help:
      "Values whose option combo is null: refuse them (default), or send them under the default combo, as a server would read them."
  )
  static let registrations = Flag("--registrations", help: "The input is complete data set registrations.")
  private static let noCheck = Flag(
    "--no-check",
    help:
      "Do not look at the destination's metadata for values that it would not keep, nor, with --pair to a server from 2.43 on, for those that would fail others."
  )
  private static let failOnNotKept = Flag(
    "--fail-on-not-kept", help: "Status 1 also where the server accepted values that it does not keep.")
  static let asJob = Flag("--async", help: "Let the server import as a job, and follow it.")

  enum ImportStrategy: String, CaseIterable {
    case createAndUpdate = "CREATE_AND_UPDATE"
    case create = "CREATE"
    case update = "UPDATE"
    case delete = "DELETE"
  }

  private enum NullCombo: String, CaseIterable { case `default`, refuse }

  /// Import parameters of the Web API that name what ids are (docs/dhis2-servers.md, "Import parameters").
  static let schemes = [
    scheme("--id-scheme", "idScheme", "Ids in the input: UID (default), CODE, NAME or ATTRIBUTE:uid."),
    scheme("--data-element-id-scheme", "dataElementIdScheme", "Ids of data elements."),
    scheme("--org-unit-id-scheme", "orgUnitIdScheme", "Ids of organisation units."),
    scheme("--data-set-id-scheme", "dataSetIdScheme", "Ids of data sets."),
    scheme("--category-option-combo-id-scheme", "categoryOptionComboIdScheme", "Ids of category option combos."),
    scheme(
      "--attribute-option-combo-id-scheme", "attributeOptionComboIdScheme",
      "Ids of attribute option combos (2.43 and later)."),
  ]

  private static func scheme(
    _ name: String, _ parameter: String, _ help: String
  ) -> (option: Option<String?>, parameter: String) {
    (Option(name, value: "SCHEME", help: help), parameter)
  }

  /// Import parameters of the Web API that are on or off (docs/dhis2-servers.md, "Import parameters").
  static let switches = [
    parameter(
      "--skip-audit", "skipAudit",
      "No audit entries for what changes: up to 2.42, and only with the authority F_SKIP_DATA_IMPORT_AUDIT"),
    parameter("--force", "force", "Closed periods, locked and approved data are written too: for superusers only"),
    parameter(
      "--skip-existing-check", "skipExistingCheck",
      "Nothing is looked up before it is inserted: up to 2.42, and only safe for an empty destination"),
    parameter("--strict-periods", "strictPeriods", "Refuse periods that are not of the data set's type"),
    parameter("--strict-data-elements", "strictDataElements", "Refuse data elements that are not in the data set"),
    parameter(
      "--strict-category-option-combos", "strictCategoryOptionCombos",
      "Refuse category option combos that are not the data element's"),
    parameter(
      "--strict-attribute-option-combos", "strictAttributeOptionCombos",
      "Refuse attribute option combos that are not the data set's"),
    parameter(
      "--strict-organisation-units", "strictOrganisationUnits",
      "Refuse organisation units to which the data set is not assigned"),
    parameter(
      "--require-category-option-combo", "requireCategoryOptionCombo",
      "Refuse values that name no category option combo, instead of taking the default"),
    parameter(
      "--require-attribute-option-combo", "requireAttributeOptionCombo",
      "Refuse values that name no attribute option combo, instead of taking the default"),
  ]

  private static func parameter(
    _ name: String, _ parameter: String, _ help: String
  ) -> (option: Flag, parameter: String) {
    (Flag(name, help: "\(help) (\(parameter)=true)."), parameter)
  }

  static let what = OptionGroup(
    "What is sent",
    [
      rejects, appendRejects, overwriteRejects, maxRejects, importStrategy, dryRun,
      Prompt.confirmation.described("Do not ask before values are deleted with --import-strategy DELETE."), explain,
      dataSet, nullCombo, registrations, noCheck, failOnNotKept, asJob,
    ] + schemes.map { $0.option } + switches.map { $0.option })

  // MARK: How it is sent

  enum Compression: String, CaseIterable { case gzip, none }

  private static let batchSize = Option(
    "--batch-size",
    as: ValueReader(
      "N|MIN..MAX", "a number of values such as 5000, or bounds such as 500..20000", read: batchBounds),
    help: "Values a request; within bounds the best size is found by measuring (default 100..50000, from 1000).")
  private static let batchBytes = Option(
    "--batch-bytes", as: .size,
    help: "At most so many bytes a request, before compression (default 12M; less at higher concurrency).")
  static let batchTime = Option(
    "--batch-time", as: .duration, help: "Smaller batches where a request takes longer (default 20s).")
  static let compression = Option(
    "--compression", as: .one(of: Compression.self), help: "Compress the requests (default gzip).")
  private static let summary = Option("--summary", value: "FILE", help: "Write the totals as one JSON object.")

  static let how = OptionGroup(
    "How it is sent", [batchSize, batchBytes, ImportLimit.option, batchTime, compression, summary])

  // MARK: What was asked for

  let server: ServerOptions
  /// Where the values are queued instead of posted, for `--via`.
  let queue: QueueOptions?
  let batchSize: ClosedRange<Int>
  let batchBytes: Int
  let batchSeconds: Double
  let importStrategy: String?
  let dryRun: Bool
  let async: Bool
  /// Sets the data set of all values.
  let dataSet: String?
  /// Whether a value whose option combo is null goes to the default one.
  let nullComboIsDefault: Bool
  /// Parameters that go to the server as they are.
  let passedOn: [(name: String, value: String)]
  let compresses: Bool
  /// Whether any number of imports at once goes to a server that may hang of it.
  let forcesConcurrency: Bool
  /// How many workers of the ledger run this command at once on this host.
  let jobsOfRun: Int
  let rejectsFile: String?
  let rejectsPolicy: RejectsPolicy
  let maxRejects: Quota?
  let kind: DataKind
  let summaryFile: String?
  /// Whether the destination's metadata are looked at before values are posted.
  let looksAhead: Bool
  /// Whether it is asked what it does not keep of values.
  let asksAboutElements: Bool
  /// Whether values that the destination does not keep make the status 1.
  let failsOnNotKept: Bool

  /// - Parameter stored: the pair whose destination it is.
  /// - Throws: `CommandFailure`, 64.
  init(_ arguments: Arguments, _ log: Log, stored: StoredPair? = nil) throws(CommandFailure) {
    guard arguments.operands.isEmpty else {
      throw CommandFailure(.usage, "unexpected argument \"\(arguments.operands[0])\": d2-push reads standard input")
    }
    jobsOfRun = ImportLimit.jobs(arguments.environment)
    queue = try QueueOptions(arguments, stored, environment: arguments.environment)
    server =
      if let queue {
        try ServerOptions(arguments, log, peer: (queue.root, queue.signIn))
      } else if let stored {
        try ServerOptions(arguments, log, stored.pair.destination)
      } else {
        try ServerOptions(arguments, log, side: .destination)
      }
    batchSize = arguments[Self.batchSize] ?? 100...50_000
    batchBytes = arguments[Self.batchBytes] ?? Self.defaultBatchBytes(server.concurrency)
    guard batchBytes <= 1 << 30 else { throw CommandFailure(.usage, "--batch-bytes: at most 1G") }
    guard queue == nil || batchBytes <= QueueOptions.mostBatchBytes else {
      throw CommandFailure(.usage, "--batch-bytes: with --via at most 16M, since a queue sends each request back")
    }
    batchSeconds = arguments[Self.batchTime] ?? 20
    importStrategy = arguments[Self.importStrategy]?.rawValue
    dryRun = arguments[Self.dryRun]
    async = arguments[Self.asJob]
    dataSet = arguments[Self.dataSet]
    nullComboIsDefault = arguments[Self.nullCombo] == .default
    forcesConcurrency = arguments[ImportLimit.option]
    compresses = arguments[Self.compression] != Compression.none
    rejectsFile = arguments[Self.rejects]
    rejectsPolicy = try Self.rejectsPolicy(arguments)
    maxRejects = arguments[Self.maxRejects]
    kind = stored?.slice?.kind == .registrations || arguments[Self.registrations] ? .registrations : .dataValues
    summaryFile = SummaryFile.path(
      named: arguments[Self.summary], command: "push", environment: arguments.environment)
    let passedOn = Self.passedOn(arguments)
    self.passedOn = passedOn
    // What is foreseen of units and data sets is foreseen by their uids.
    let namesByUID = ["orgUnitIdScheme", "dataSetIdScheme"].allSatisfy { IDScheme(of: $0, in: passedOn) == .uid }
    looksAhead =
      stored != nil && queue == nil && !arguments[Self.noCheck] && kind == .dataValues && namesByUID
    // The destination's elements are asked for by their uids; a deletion keeps nothing.
    asksAboutElements =
      queue == nil && !arguments[Self.noCheck] && kind == .dataValues && importStrategy != "DELETE"
      && IDScheme(of: "dataElementIdScheme", in: passedOn) == .uid
    failsOnNotKept = arguments[Self.failOnNotKept]
    // A slice may be of registrations without the option that says so.
    guard queue == nil || kind == .dataValues else {
      throw CommandFailure(.usage, "registrations do not go with --via: a queued request holds data values")
    }
    guard !async || kind == .dataValues else {
      throw CommandFailure(.usage, "--async is for data values, not --registrations")
    }
    guard dataSet == nil || kind == .dataValues else {
      throw CommandFailure(.usage, "--data-set is for data values; registrations name their own")
    }
  }

  private static func rejectsPolicy(_ arguments: Arguments) throws(CommandFailure) -> RejectsPolicy {
    let (appends, overwrites) = (arguments[appendRejects], arguments[overwriteRejects])
    guard !appends || !overwrites else {
      throw CommandFailure(.usage, "--append-rejects or --overwrite-rejects, not both")
    }
    guard !appends && !overwrites || arguments.has(rejects) else {
      throw CommandFailure(.usage, "\((appends ? appendRejects : overwriteRejects).name) goes with --rejects FILE")
    }
    return appends ? .append : overwrites ? .overwrite : .refuse
  }

  /// Several requests under way share a budget, so that memory stays below 100 MB.
  private static func defaultBatchBytes(_ concurrency: Int) -> Int {
    max(1 << 20, (12 << 20) / concurrency)
  }

  /// `5000` or `500..20000`.
  private static func batchBounds(_ text: String) -> ClosedRange<Int>? {
    let parts = text.split(separator: "..", omittingEmptySubsequences: false).map { Int($0) }
    guard let least = parts.first ?? nil, let most = parts.last ?? nil, parts.count <= 2, least >= 1, most >= least,
      most <= 1_000_000
    else { return nil }
    return least...most
  }

  private static func passedOn(_ arguments: Arguments) -> [(name: String, value: String)] {
    var parameters: [(name: String, value: String)] = []
    for (option, name) in schemes {
      if let value = arguments[option] { parameters.append((name, value)) }
    }
    for (option, name) in switches where arguments[option] { parameters.append((name, "true")) }
    return parameters
  }
}

/// What becomes of rejects that are there already.
enum RejectsPolicy: Sendable {
  /// The run is not begun, unless they are its own input.
  case refuse
  case append, overwrite
}
