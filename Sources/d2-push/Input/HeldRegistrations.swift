import D2Client
import D2Common
import D2Store

/// Holds the complete data set registrations of an input that also has values. They wait in a temporary file until the
/// values are sent. It records the reports with a refused value, because a report with a missing value is not complete.
final class HeldRegistrations: @unchecked Sendable {
  // The loop of the values fills it; later it is only read.

  private let key: LineKey
  private let environment: [String: String]
  private let scratch = DataValueLine.Scratch()
  private var file: TemporaryFile?
  /// How many lines the file has. It has as many as the input, so that each registration keeps its number.
  private var lines = 0
  /// How many registrations it holds.
  private(set) var count = 0
  /// The hashes of the reports with a refused value.
  private var incomplete: Set<UInt64> = []
  /// Whether a line of the input was not a value. That line may belong to any report.
  private var hasUnknown = false
  private var isSent = false

  /// - Returns: `nil` if the input cannot contain registrations, because a queue accepts only values.
  init?(_ options: PushOptions, _ sender: any BatchSender) {
    guard options.kind == .dataValues, let sender = sender as? ServerSender else { return nil }
    key = LineKey(.registrations, defaultCombo: sender.defaultCombo)
    environment = options.server.configuration.environment
  }

  // MARK: While values are sent

  /// Stores the registrations of a block, and records the reports of lines that are not sent.
  ///
  /// - Throws: `CommandFailure`, 73.
  func note(_ piece: LocatedLines) throws {
    for fault in piece.faults {
      if case .value(let place) = fault.kept { note(piece.text[place]) } else { hasUnknown = true }
    }
    guard !piece.registrations.isEmpty else { return }
    var text: [UInt8] = []
    for registration in piece.registrations {
      let number = piece.linesBefore + registration.number
      text += [UInt8](repeating: 0x0A, count: number - 1 - lines) + registration.line + [0x0A]
      lines = number
      count += 1
    }
    let file = try file ?? TemporaryFile(environment: environment)
    self.file = file
    try text.withUnsafeBytes { try file.append($0) }
  }

  /// Records the reports of a batch's refused values.
  func note(_ batch: Batch, _ outcome: BatchOutcome) {
    for index in outcome.refused.keys { note(batch.bytes(of: batch.values[index])) }
  }

  private func note(_ value: ArraySlice<UInt8>) {
    _ = DataValueLine.reading(value, scratch) { incomplete.insert(key.report($0, namesDataSet: true)) }
  }

  // MARK: When they are in

  /// Posts the registrations.
  ///
  /// - Parameter keys: collects the keys of all registrations.
  /// - Throws: the failure that ends the run. The account then contains the ones that were not sent.
  func send(
    _ options: PushOptions, _ client: DHIS2Client, _ report: RunReport, _ executor: BlockingExecutor,
    keys: InputKeys? = nil
  ) async throws {
    guard let descriptor else { return }
    report.account.beginRegistrations(count)
    let sender = try ServerSender(options.ofRegistrations, client, held: self)
    isSent = true
    var loop = PushLoop(sender, report, limit: client.limit, executor: executor, keys: keys, descriptor: descriptor)
    try await loop.run()
  }

  /// The lines, from the beginning.
  var descriptor: Int32? { file?.fromBeginning }

  /// Removes the registrations of incomplete reports from the lines.
  func keepBack(_ piece: inout LocatedLines) {
    guard hasUnknown || !incomplete.isEmpty else { return }
    let scratch = DataValueLine.Scratch()
    let kept = piece.lines.filter { line in
      let isIncomplete = DataValueLine.reading(piece.text[piece.place(of: line)], scratch) { line in
        // A value may omit its data set.
        incomplete.contains(key.report(line, namesDataSet: true))
          || incomplete.contains(key.report(line, namesDataSet: false))
      }
      return hasUnknown || isIncomplete ?? true
    }
    let numbers = Set(kept.map(\.number))
    piece.keysNotSent += kept.map(\.key)
    piece.lines.removeAll { numbers.contains($0.number) }
    let reason =
      hasUnknown
      ? "a line of the input is not a value, and may be part of this report: its registration was not sent"
      : "a value of this report was refused: its registration was not sent"
    piece.faults += kept.map {
      .init(number: $0.number, kept: .value(piece.place(of: $0)), what: reason, endsInput: false)
    }
  }

  /// Passes each line and its number in the input to `body`, unless the registrations were sent.
  func forEach(_ body: (UnsafeRawBufferPointer, Int) throws -> Void) throws {
    guard !isSent, let descriptor else { return }
    var reader = LineReader(descriptor: descriptor)
    while let line = try reader.next() { if !line.isBlank { try body(line.bytes, reader.number) } }
  }
}
