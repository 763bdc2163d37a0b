import D2Client
import D2Common

/// What one run of d2-push was asked for.
struct PushOptions: Sendable {
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
  let rejectsFile: String?
  let rejectsPolicy: RejectsTarget.Policy
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
    queue = try QueueOptions(arguments, stored, environment: processEnvironment())
    server =
      if let queue {
        try ServerOptions(arguments, log, peer: (queue.root, queue.signIn))
      } else if let stored {
        try ServerOptions(arguments, log, stored.pair.destination)
      } else {
        try ServerOptions(arguments, log, side: .destination)
      }
    batchSize = try Self.batchSize(arguments)
    batchBytes = try arguments.bytes("--batch-bytes") ?? Self.defaultBatchBytes(server.concurrency)
    guard batchBytes <= 1 << 30 else { throw CommandFailure(.usage, "--batch-bytes: at most 1G") }
    guard queue == nil || batchBytes <= QueueOptions.mostBatchBytes else {
      throw CommandFailure(.usage, "--batch-bytes: with --via at most 16M, since a queue sends each request back")
    }
    batchSeconds = try arguments.seconds("--batch-time") ?? 20
    importStrategy = try arguments.choice("--import-strategy", ["CREATE_AND_UPDATE", "CREATE", "UPDATE", "DELETE"])
    dryRun = arguments.has("--dry-run")
    async = arguments.has("--async")
    dataSet = arguments.string("--data-set")
    nullComboIsDefault = try arguments.choice("--null-combo", ["default", "refuse"]) == "default"
    forcesConcurrency = arguments.has(ImportLimit.option.name)
    compresses = try arguments.choice("--compression", ["gzip", "none"]) != "none"
    rejectsFile = arguments.string("--rejects")
    rejectsPolicy = try Self.rejectsPolicy(arguments)
    maxRejects = try arguments.quota("--max-rejects")
    kind = stored?.slice?.kind == .registrations || arguments.has("--registrations") ? .registrations : .dataValues
    summaryFile = SummaryFile.path(named: arguments.string("--summary"), command: "push")
    let passedOn = Self.passedOn(arguments)
    self.passedOn = passedOn
    // What is foreseen of units and data sets is foreseen by their uids.
    let namesByUID = ["orgUnitIdScheme", "dataSetIdScheme"].allSatisfy { IDScheme(of: $0, in: passedOn) == .uid }
    looksAhead =
      stored != nil && queue == nil && !arguments.has("--no-check") && kind == .dataValues && namesByUID
    // The destination's elements are asked for by their uids; a deletion keeps nothing.
    asksAboutElements =
      queue == nil && !arguments.has("--no-check") && kind == .dataValues && importStrategy != "DELETE"
      && IDScheme(of: "dataElementIdScheme", in: passedOn) == .uid
    failsOnNotKept = arguments.has("--fail-on-not-kept")
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

  private static func rejectsPolicy(_ arguments: Arguments) throws(CommandFailure) -> RejectsTarget.Policy {
    let given = ["--append-rejects", "--overwrite-rejects"].filter { arguments.has($0) }
    guard given.count < 2 else { throw CommandFailure(.usage, "--append-rejects or --overwrite-rejects, not both") }
    guard given.isEmpty || arguments.has("--rejects") else {
      throw CommandFailure(.usage, "\(given[0]) goes with --rejects FILE")
    }
    return given.isEmpty ? .refuse : given[0] == "--append-rejects" ? .append : .overwrite
  }

  /// Several requests under way share a budget, so that memory stays below 100 MB.
  private static func defaultBatchBytes(_ concurrency: Int) -> Int {
    max(1 << 20, (12 << 20) / concurrency)
  }

  /// `5000` or `500..20000`.
  private static func batchSize(_ arguments: Arguments) throws(CommandFailure) -> ClosedRange<Int> {
    guard let text = arguments.string("--batch-size") else { return 100...50_000 }
    let parts = text.split(separator: "..", omittingEmptySubsequences: false).map { Int($0) }
    guard let least = parts.first ?? nil, let most = parts.last ?? nil, parts.count <= 2, least >= 1, most >= least,
      most <= 1_000_000
    else {
      throw CommandFailure(
        .usage, "--batch-size \"\(text)\": a number of values such as 5000, or bounds such as 500..20000")
    }
    return least...most
  }

  private static func passedOn(_ arguments: Arguments) -> [(name: String, value: String)] {
    var parameters: [(name: String, value: String)] = []
    for (option, name) in schemes {
      if let value = arguments.string(option) { parameters.append((name, value)) }
    }
    for (option, name, _) in Self.switches where arguments.has(option) { parameters.append((name, "true")) }
    return parameters
  }

  /// Import parameters of the Web API that name what ids are.
  static let schemes = [
    ("--id-scheme", "idScheme"), ("--data-element-id-scheme", "dataElementIdScheme"),
    ("--org-unit-id-scheme", "orgUnitIdScheme"), ("--data-set-id-scheme", "dataSetIdScheme"),
    ("--category-option-combo-id-scheme", "categoryOptionComboIdScheme"),
    ("--attribute-option-combo-id-scheme", "attributeOptionComboIdScheme"),
  ]

  /// Import parameters of the Web API that are on or off, and what they mean.
  static let switches = [
    (
      "--skip-audit", "skipAudit",
      "No audit entries for what changes: up to 2.42, and only with the authority F_SKIP_DATA_IMPORT_AUDIT"
    ),
    ("--force", "force", "Closed periods, locked and approved data are written too: for superusers only"),
    (
      "--skip-existing-check", "skipExistingCheck",
      "Nothing is looked up before it is inserted: up to 2.42, and only safe for an empty destination"
    ),
    ("--strict-periods", "strictPeriods", "Refuse periods that are not of the data set's type"),
    ("--strict-data-elements", "strictDataElements", "Refuse data elements that are not in the data set"),
    (
      "--strict-category-option-combos", "strictCategoryOptionCombos",
      "Refuse category option combos that are not the data element's"
    ),
    (
      "--strict-attribute-option-combos", "strictAttributeOptionCombos",
      "Refuse attribute option combos that are not the data set's"
    ),
    (
      "--strict-organisation-units", "strictOrganisationUnits",
      "Refuse organisation units to which the data set is not assigned"
    ),
    (
      "--require-category-option-combo", "requireCategoryOptionCombo",
      "Refuse values that name no category option combo, instead of taking the default"
    ),
    (
      "--require-attribute-option-combo", "requireAttributeOptionCombo",
      "Refuse values that name no attribute option combo, instead of taking the default"
    ),
  ]
}
