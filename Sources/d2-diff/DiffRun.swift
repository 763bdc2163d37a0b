import D2Client
import D2Common
import D2Hash
import D2Store
import Glibc

/// One run: reads both sides at once, compares them, and writes the differences.
struct DiffRun: Sendable {
  /// The origin of a side.
  private enum Input: Sendable {
    case file(String)
    case pull(PairSide, [String])
  }

  private let arguments: Arguments
  private let options: DiffOptions
  private let log: Log
  private let errors: PullErrors
  private let inputs: [Input]
  private let pair: Pair?
  /// All units of the pair.
  private let units: [OrgUnit]
  /// The uids of the compared data sets of the pair.
  private let dataSets: [String]
  private let isIncrement: Bool

  /// The most rows of a table on a terminal.
  private static let mostRows = 1000

  /// - Throws: `CommandFailure`, 64; `StoreError`.
  init(_ arguments: Arguments, _ log: Log) throws {
    self.arguments = arguments
    self.log = log
    errors = PullErrors(log)
    options = try DiffOptions(arguments)
    var isIncrement = false
    if arguments.has(PairOptions.pair) || arguments.has(PulledSide.slice) {
      guard arguments.operands.isEmpty else {
        throw CommandFailure(
          .usage, "give either a pair or two files, not both: unexpected \(arguments.operands[0].quoted)")
      }
      let slice = try SliceOption.read(arguments)
      isIncrement = slice.map { !$0.since.isEmpty } ?? false
      let store: Store
      let named: Pair
      if let slice {
        store = try Store(arguments)
        named = try store.pair(numbered: slice.pair)
      } else {
        (store, named) = try PairOptions.open(arguments)
      }
      pair = named
      units = try OrgUnitTable(store, named).all()
      dataSets =
        try slice.map { [$0.dataSet] } ?? DestinationKeeping.dataSets(store, named, arguments[PulledSide.dataSets])
      let task = slice?.task.text
      let date = try PulledSide.relativeDate(of: named, arguments, log)
      inputs = PairSide.allCases.map {
        .pull($0, PulledSide.arguments($0, of: named, arguments, slice: task) + date)
      }
    } else {
      try Self.checkFiles(arguments, options)
      pair = nil
      units = []
      dataSets = []
      inputs = arguments.operands.map { .file($0) }
    }
    self.isIncrement = isIncrement
    guard !isIncrement || !options.includesExtras else {
      throw CommandFailure(
        .usage, "a slice of an increment holds what changed: what it lacks is not extra at the destination")
    }
  }

  private static func checkFiles(_ arguments: Arguments, _ options: DiffOptions) throws(CommandFailure) {
    let files = arguments.operands
    guard files.count == 2 else {
      throw CommandFailure(
        .usage, "say what to compare: d2-diff --pair PAIR …, or d2-diff SOURCE DESTINATION (files or FIFOs)")
    }
    if let option = arguments.first(of: PulledSide.group.options) {
      throw CommandFailure(.usage, "\(option.name) goes with --pair")
    }
    guard files != ["-", "-"] else {
      throw CommandFailure(.usage, "standard input can be one of the sides, not both")
    }
    guard !areOneStream(files[0], files[1]) else {
      throw CommandFailure(
        .usage, "\(files.joined(separator: " and ")) are one stream: it can be one of the sides, not both")
    }
    guard options.level == nil else {
      throw CommandFailure(.usage, "--level needs --pair: the store knows what lies below what")
    }
  }

  /// Whether two names mean one stream, so that the second side would get nothing: `-` and /dev/stdin, or the same FIFO
  /// twice. A regular file can be read twice.
  private static func areOneStream(_ first: String, _ second: String) -> Bool {
    func status(_ path: String) -> stat? {
      var status = stat()
      return (path == "-" ? fstat(0, &status) : stat(path, &status)) == 0 ? status : nil
    }
    // Opening a missing file reports it later.
    guard let first = status(first), let second = status(second), first.st_dev == second.st_dev,
      first.st_ino == second.st_ino
    else { return false }
    return switch first.st_mode & S_IFMT {
    case S_IFIFO, S_IFSOCK: true
    // A terminal, but not /dev/null.
    case S_IFCHR: isatty(0) == 1
    default: false
    }
  }

  func run() async throws -> ExitStatus {
    let begin = monotonicSeconds()
    let (source, destination) = try sides()
    let executor = BlockingExecutor(threads: 3)
    let isWhole = try await read([source, destination], executor)
    log.wipe()

    let comparison = Comparison(
      source: source, destination: destination, includesExtras: options.includesExtras,
      countsGroups: options.format == .summary,
      memoryBytes: options.memoryBytes, environment: arguments.environment)
    let findings = try await comparison.run(executor)
    var counts = DifferenceCounts()
    for found in findings { counts += found.counts }
    try checkDeletions(
      counts, isWhole: isWhole, isFile: source.isFile, isFromStart: source.isFromStart,
      noun: destination.kind.noun)

    try write(comparison, findings)
    let differences = counts.missing + counts.different + (options.includesExtras ? counts.extra : 0)
    // If the source is incomplete, equality proves nothing.
    let status: ExitStatus = differences == 0 && isWhole ? .success : .incomplete
    log.info(text(counts, seconds: monotonicSeconds() - begin))
    if counts.source + counts.destination == 0 { log.warning("neither side has a value: nothing was compared") }
    if let file = options.summaryFile {
      try SummaryFile.write(
        [
          "source": .int(counts.source), "destination": .int(counts.destination), "equal": .int(counts.equal),
          "missing": .int(counts.missing), "different": .int(counts.different), "extra": .int(counts.extra),
          "deleted": .int(counts.deleted), "notKept": .int(counts.notKept), "status": .int(Int(status.rawValue)),
        ], to: file)
    }
    return status
  }

  private func sides() throws -> (source: Side, destination: Side) {
    var settings = Side.Settings()
    settings.isNumeric = options.isNumeric
    settings.defaultCombos = try [DefaultCombo.usualUID, "default"] + options.defaultCombos + askedDefaultCombos()
    settings.ancestors = options.format == .summary ? try ancestors() : nil
    settings.memoryBytes = options.memoryBytes / 8
    settings.environment = arguments.environment
    let names = inputs.map { (input: Input) in
      switch input {
      case .file(let path): path == "-" ? "standard input" : path
      case .pull(let side, _): "the \(side.rawValue)"
      }
    }
    let writesLines = options.format == .ndjson
    settings.keepsLines = options.format != .summary
    settings.destination = pair.flatMap { DestinationKeeping.asking($0, dataSets, arguments, log) }
    let source = Side(name: names[0], settings)
    settings.destination = nil
    settings.keepsLines = options.format != .summary && (options.includesExtras || !writesLines)
    return (source, Side(name: names[1], settings))
  }

  private func text(_ counts: DifferenceCounts, seconds: Double) -> String {
    let extra =
      isIncrement
      ? ""
      : ", \(counts.extra) extra at the destination"
        + (counts.extra > 0 && !options.includesExtras ? " (--extras shows them)" : "")
    let notKept = counts.notKept > 0 ? ", \(counts.notKept) that the destination does not keep as they are" : ""
    return
      "source \(counted(counts.source, "value")), destination \(counts.destination): \(counts.equal) equal, \(counts.missing) missing, "
      + "\(counts.different) different\(extra)\(notKept); \(DurationText.measured(seconds))"
  }

  // MARK: Reading

  /// Reads both sides at once. If one fails, the other stops.
  ///
  /// - Returns: whether the source sent everything that was requested.
  private func read(_ sides: [Side], _ executor: BlockingExecutor) async throws -> Bool {
    let stop = StopSign()
    let key = ValueHasher.Key()
    let finished = StopSign()
    return try await withThrowingTaskGroup(of: (isSource: Bool, isWhole: Bool)?.self) { group in
      for (number, side) in sides.enumerated() {
        group.addTask(executorPreference: executor) {
          do {
            return (number == 0, try read(inputs[number], side, key, stop))
          } catch {
            stop.set()
            throw error
          }
        }
      }
      if log.draws {
        group.addTask(executorPreference: executor) {
          while !finished.isSet, !stop.isSet, pause(seconds: 0.25) {
            log.draw("source \(counted(sides[0].linesRead, "value")), destination \(sides[1].linesRead)")
          }
          return nil
        }
      }
      var isWhole = true
      var left = sides.count
      var failure: (any Error)?
      while left > 0 {
        do {
          guard let ended = try await group.next(), let ended else { continue }
          left -= 1
          if ended.isSource { isWhole = ended.isWhole }
        } catch {
          left -= 1
          failure = failure ?? error
        }
      }
      finished.set()
      if let failure { throw failure }
      return isWhole
    }
  }

  private func read(_ input: Input, _ side: Side, _ key: ValueHasher.Key, _ stop: StopSign) throws -> Bool {
    switch input {
    case .file(let path):
      let descriptor = try Side.open(path, stop: stop)
      defer { close(descriptor) }
      try side.readAll(descriptor, key, stop: stop)
      return true
    case .pull(let which, let words):
      let pull = try PullProcess(
        which, words, environment: arguments.environment, consequence: "nothing is compared",
        errors: arguments[CommandDescription.verbose] ? nil : errors)
      try side.readAll(pull.output, key, stop: stop)
      // The side that set the stop sign reports the reason.
      guard !stop.isSet else { return false }
      return try pull.finish()
    }
  }

  /// The uids of the default category option combos, which may differ between the two ends.
  private func askedDefaultCombos() throws -> [String] {
    guard let pair else { return [] }
    return try [pair.source, pair.destination].flatMap { server in
      try DefaultCombo.uids(DHIS2Client(ServerOptions(arguments, log, server), log))
    }
  }

  private func ancestors() throws -> [String: String] {
    guard let level = options.level else { return [:] }
    var ancestors: [String: String] = [:]
    for unit in units {
      let path = (unit.path ?? "").split(separator: "/")
      if path.count >= level { ancestors[unit.uid] = String(path[level - 1]) }
    }
    guard !ancestors.isEmpty else {
      throw CommandFailure(.usage, "the store knows no organisation unit of level \(level): d2-orgunits list")
    }
    return ancestors
  }

  // MARK: Writing

  /// Refuses deletions if the source may be incomplete.
  private func checkDeletions(
    _ counts: DifferenceCounts, isWhole: Bool, isFile: Bool, isFromStart: Bool, noun: String
  ) throws(CommandFailure) {
    guard options.deletesExtras else { return }
    let extra = counts.extra - counts.deleted
    guard extra > 0 else { return }
    let reason: String? =
      if counts.source == 0 {
        "the source is empty"
      } else if !isWhole {
        "the source does not know some of the ids"
      } else if pair == nil, !isFromStart {
        "the source was not read from its beginning"
      } else if pair == nil, !isFile {
        "the source comes through a pipe, whose end does not show whether it is complete: write it to a file, or use --pair"
      } else if options.maxDelete.isExceeded(by: extra, of: counts.destination) {
        "they are more than --max-delete \(options.maxDelete) of \(counts.destination)"
      } else {
        nil
      }
    if let reason {
      throw CommandFailure(
        .malformedInput, "\(counted(extra, noun)) would be deleted, but \(reason): nothing is written")
    }
  }

  private func write(_ comparison: Comparison, _ findings: [Findings]) throws {
    switch options.format {
    case .ndjson:
      try DifferenceWriter(comparison, findings).writeLines(to: .standardOutput(), deletesExtras: options.deletesExtras)
    case .summary:
      var names: [String: String] = [:]
      for unit in units { names[unit.uid] = unit.name }
      var listing = Listing(isatty(1) == 1 ? .table : .json, columns: GroupSummary.columns)
      try GroupSummary(comparison, findings).write(to: &listing, names: names)
    case .table, .tsv, .json:
      var listing = Listing(Listing.Format(rawValue: options.format.rawValue)!, columns: DifferenceWriter.columns)
      let left = try DifferenceWriter(comparison, findings).writeRows(
        to: &listing, most: options.format == .table ? Self.mostRows : .max)
      if left > 0 { log.info("\(left) more differences: --format tsv or ndjson shows all") }
    }
  }
}
