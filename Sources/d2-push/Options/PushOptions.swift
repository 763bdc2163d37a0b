import D2Client
import D2Common

/// The options of one run of d2-push.
struct PushOptions: Sendable {
  // MARK: What is sent

  private static let rejects = Option(
    "--rejects", value: "FILE",
    help:
      "Write the refused values to FILE, as NDJSON with reason and line number. If FILE already holds rejects, nothing is sent unless you give one of the next two options."
  )
  private static let appendRejects = Flag("--append-rejects", help: "Add the rejects to those in FILE.")
  private static let overwriteRejects = Flag(
    "--overwrite-rejects", help: "Replace the rejects in FILE when all of the input has been read.")
  private static let maxRejects = Option(
    "--max-rejects", as: .quota, help: "End when more than N values, or P percent of the values read, were refused.")
  static let importStrategy = Option(
    "--import-strategy", value: "STRATEGY", as: .one(of: ImportStrategy.self),
    help: "Import with CREATE_AND_UPDATE (default), CREATE, UPDATE or DELETE.")
  static let dryRun = Command.dryRun.described("Let the server check and count, but store nothing.")
  static let explain = Option(
    "--explain", value: "CODE|all",
    help: "Explain an error code of DHIS2 and what to do about it; send nothing."
  ).offering(["all"] + ErrorCode.all.map(\.code))
  private static let dataSet = Option("--data-set", value: "UID", help: "Name this data set in every request.")
  private static let nullCombo = Option(
    "--null-combo", value: "refuse|default", as: .one(of: NullCombo.self),
    help:
      "Refuse values whose option combo is null (default), or send them with the default combo, as a server would read them."
  )
  static let registrations = Flag("--registrations", help: "Send complete data set registrations instead of values.")
  static let notify = Flag(
    "--notify",
    help:
      "Let the server tell people about new registrations, by its own notifications (default: skipNotifications=true).")
  private static let noCheck = Flag(
    "--no-check",
    help:
      "Do not ask the destination's metadata which values it would not keep, or (with --pair, from 2.43 on) which would make others fail."
  )
  private static let failOnNotKept = Flag(
    "--fail-on-not-kept", help: "End with status 1 if the server accepts values that it does not keep.")
  static let asJob = Flag(
    "--async",
    help:
      "Let the server import as a job, and follow the job. From 2.41 on, jobs run one after the other, so --concurrency gains nothing."
  )

  enum ImportStrategy: String, CaseIterable {
    case createAndUpdate = "CREATE_AND_UPDATE"
    case create = "CREATE"
    case update = "UPDATE"
    case delete = "DELETE"
  }

  private enum NullCombo: String, CaseIterable { case `default`, refuse }

  /// Import parameters of the Web API that say what kind the ids are, by option name (docs/dhis2-servers.md, "Import
  /// parameters").
  static let schemes: [Option<String?>] = [
    .scheme("--id-scheme", "Read the ids of the input as UID (default), CODE, NAME or ATTRIBUTE:uid."),
    .scheme("--data-element-id-scheme", "Read the ids of data elements in this scheme."),
    .scheme("--org-unit-id-scheme", "Read the ids of organisation units in this scheme."),
    .scheme("--data-set-id-scheme", "Read the ids of data sets in this scheme."),
    .scheme("--category-option-combo-id-scheme", "Read the ids of category option combos in this scheme."),
    .scheme(
      "--attribute-option-combo-id-scheme", "Read the ids of attribute option combos in this scheme (from 2.43 on)."),
  ]

  /// Import parameters of the Web API that are on or off, by option name (docs/dhis2-servers.md, "Import parameters").
  static let switches = [
    parameter(
      "--skip-audit",
      "Write no audit entries: up to 2.42, and only with the authority F_SKIP_DATA_IMPORT_AUDIT"),
    parameter("--force", "Write closed periods, locked data and approved data too: for superusers only"),
    parameter(
      "--skip-existing-check",
      "Insert values without looking for existing ones: up to 2.42, and safe only for an empty destination; not with --replace"
    ),
    parameter("--strict-periods", "Refuse periods that are not of the data set's type"),
    parameter("--strict-data-elements", "Refuse data elements that are not in the data set"),
    parameter("--strict-category-option-combos", "Refuse category option combos that are not the data element's"),
    parameter("--strict-attribute-option-combos", "Refuse attribute option combos that are not the data set's"),
    parameter("--strict-organisation-units", "Refuse organisation units to which the data set is not assigned"),
    parameter(
      "--require-category-option-combo",
      "Refuse values without a category option combo, instead of using the default one"),
    parameter(
      "--require-attribute-option-combo",
      "Refuse values without an attribute option combo, instead of using the default one"),
  ]

  private static func parameter(_ name: String, _ help: String) -> Flag {
    Flag(name, help: "\(help) (\(Query.parameter(of: name))=true).")
  }

  static let what = OptionGroup(
    "What to send",
    [
      rejects, appendRejects, overwriteRejects, maxRejects, importStrategy, dryRun,
      Prompt.confirmation.described("Do not ask before --import-strategy DELETE deletes values."), explain,
      dataSet, nullCombo, registrations, notify, noCheck, failOnNotKept, asJob,
    ] + schemes + switches)

  // MARK: How it is sent

  enum Compression: String, CaseIterable { case gzip, none }

  private static let batchSize = Option(
    "--batch-size",
    as: ValueReader("N|MIN..MAX", "a number of values such as 5000, or bounds such as 500..20000", read: batchBounds),
    help: "Send N values a request, or find the best number within bounds (default 100..50000, starting with 1000).")
  private static let batchBytes = Option(
    "--batch-bytes", as: .size,
    help: "Send at most BYTES a request, before compression (default 12M; less at higher concurrency).")
  static let batchTime = Option(
    "--batch-time", as: .duration, help: "Make batches smaller if a request takes longer than TIME (default 20s).")
  static let compression = Option(
    "--compression", as: .one(of: Compression.self), help: "Compress the requests (default gzip).")
  private static let summary = Option("--summary", value: "FILE", help: "Write the totals to FILE as a JSON object.")

  private static let batches = Flag(
    "--batches", help: "Write a line for each batch to stdout, even if that is a terminal.")

  static let how = OptionGroup(
    "How to send it", [batchSize, batchBytes, ImportLimit.option, batchTime, compression, batches, summary])

  // MARK: What was asked for

  let server: ServerOptions
  /// The queue that gets the values instead of the server, for `--via`.
  let queue: QueueOptions?
  let batchSize: ClosedRange<Int>
  /// The bytes of a batch, if the command line gives them.
  private let givenBatchBytes: Int?
  let batchSeconds: Double
  let importStrategy: String?
  let dryRun: Bool
  private(set) var async: Bool
  /// The data set for all values.
  private(set) var dataSet: String?
  /// Whether a value whose option combo is null uses the default one.
  let nullComboIsDefault: Bool
  /// Parameters that are passed to the server unchanged.
  let passedOn: [(name: String, value: String)]
  let compresses: Bool
  /// Registrations are not compressed. They are small, and it is not known whether all versions can read them
  /// compressed.
  var compressesValues: Bool { compresses && kind == .dataValues }
  /// Whether to allow any number of concurrent imports, even if the server may hang.
  let forcesConcurrency: Bool
  /// The folder in which the commands of a worker take turns; `nil` outside of a worker.
  let turnFolder: String?
  /// Whether to report the outcomes by period too, because several slices are sent together.
  let tellsPeriods: Bool
  /// The data set of the values, if many values are expected.
  let expectedDataSet: String?
  /// How many workers of the ledger run this command at once on this host.
  let jobsOfRun: Int
  let rejectsFile: String?
  let rejectsPolicy: RejectsPolicy
  let maxRejects: Quota?
  private(set) var kind: DataKind
  /// Whether the server may send messages to people about new registrations.
  let notifies: Bool
  let summaryFile: String?
  /// Whether to read the destination's metadata before values are posted.
  let looksAhead: Bool
  /// Whether to ask the destination which values it does not keep.
  private(set) var asksAboutElements: Bool
  /// Whether values that the destination does not keep cause status 1.
  let failsOnNotKept: Bool
  /// Whether to print the lines of the batches on a terminal too.
  let showsBatches: Bool
  /// The number of the pair whose destination is used.
  let pair: Int?
  /// What to replace at the destination; `nil` for nothing.
  private(set) var replace: ReplaceOptions?
  /// Whether the run sends the deletions of what only the destination has.
  private(set) var deletesStale = false

  /// - Parameter stored: the pair whose destination is used.
  /// - Throws: `CommandFailure`, 64.
  init(_ arguments: Arguments, _ log: Log, stored: StoredPair? = nil) throws(CommandFailure) {
    try CommandFailure.require(
      arguments.operands.isEmpty,
      "unexpected argument \(arguments.operands[0].quoted): d2-push reads standard input")
    jobsOfRun = ImportLimit.jobs(arguments.environment)
    turnFolder = WorkerTurn.folder(arguments.environment)
    tellsPeriods = stored?.slice?.isJoined ?? false
    expectedDataSet = tellsPeriods && stored?.slice?.analytics == nil ? stored?.slice?.dataSet : nil
    queue = try QueueOptions(arguments, stored, environment: arguments.environment)
    var server =
      if let queue {
        try ServerOptions(arguments, log, peer: (queue.root, queue.signIn))
      } else if let stored {
        try ServerOptions(arguments, log, stored.pair.destination)
      } else {
        try ServerOptions(arguments, log, side: .destination)
      }
    batchSize = arguments[Self.batchSize] ?? 100...50_000
    if queue == nil { try server.takeConcurrency(arguments) }
    self.server = server
    givenBatchBytes = arguments[Self.batchBytes]
    let batchBytes = givenBatchBytes ?? Self.defaultBatchBytes(server.concurrency)
    try CommandFailure.require(batchBytes <= 1 << 30, "--batch-bytes: at most 1G")
    try CommandFailure.require(
      queue == nil || batchBytes <= QueueOptions.mostBatchBytes,
      "--batch-bytes: with --via at most 16M, since a queue sends each request back")
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
    notifies = arguments[Self.notify]
    summaryFile = SummaryFile.path(named: arguments[Self.summary], command: "push", environment: arguments.environment)
    let passedOn = Query.parameters(Self.schemes, Self.switches, arguments)
    self.passedOn = passedOn
    func isByUID(_ scheme: String) -> Bool { IDScheme(of: scheme, in: passedOn) == .uid }
    let mayLook = queue == nil && kind == .dataValues && !arguments[Self.noCheck]
    // The predictions for units and data sets work by uid only.
    looksAhead = mayLook && stored != nil && isByUID("orgUnitIdScheme") && isByUID("dataSetIdScheme")
    // The destination is asked for elements by uid. A deletion keeps nothing, so there is nothing to ask.
    asksAboutElements = mayLook && importStrategy != "DELETE" && isByUID("dataElementIdScheme")
    failsOnNotKept = arguments[Self.failOnNotKept]
    showsBatches = arguments[Self.batches]
    pair = stored?.pair.id
    replace = nil
    replace = try ReplaceOptions(arguments, self, stored: stored)
    guard kind == .registrations else { return }
    // A slice may be of registrations even without the option.
    try CommandFailure.require(queue == nil, "registrations do not go with --via: a queued request holds data values")
    try CommandFailure.require(!async, "--async is for data values, not --registrations")
    try CommandFailure.require(dataSet == nil, "--data-set is for data values; registrations name their own")
  }

  /// These options for the deletions of what only the destination has. There is nothing to ask about elements then,
  /// because a deletion keeps nothing.
  var deletingStale: PushOptions {
    var options = self
    options.replace = nil
    options.deletesStale = true
    options.asksAboutElements = false
    return options
  }

  /// These options for the registrations that came with values.
  var ofRegistrations: PushOptions {
    var options = self
    options.kind = .registrations
    options.replace = nil
    options.async = false
    options.dataSet = nil
    options.asksAboutElements = false
    return options
  }

  private static func rejectsPolicy(_ arguments: Arguments) throws(CommandFailure) -> RejectsPolicy {
    let (appends, overwrites) = (arguments[appendRejects], arguments[overwriteRejects])
    try CommandFailure.require(!appends || !overwrites, "--append-rejects or --overwrite-rejects, not both")
    try CommandFailure.require(
      !appends && !overwrites || arguments.has(rejects),
      "\((appends ? appendRejects : overwriteRejects).name) goes with --rejects FILE")
    return appends ? .append : overwrites ? .overwrite : .refuse
  }

  /// How many bytes a batch may hold.
  var batchBytes: Int { batchBytes(among: server.concurrency) }

  /// How many bytes a batch may hold, with this many concurrent requests.
  func batchBytes(among concurrency: Int) -> Int { givenBatchBytes ?? Self.defaultBatchBytes(concurrency) }

  /// Concurrent requests share a budget, so that memory stays below 100 MB.
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
}

/// What to do if the rejects file already exists.
enum RejectsPolicy: Sendable {
  /// Do not start the run, unless the rejects are its own input.
  case refuse
  case append, overwrite
}
