import D2Common

/// Reads the input and makes batches of it: values of one data set, no key twice, in the order of the input.
///
/// Values that a server may answer with a failure of the whole request (an id or period that it may be unable to read) are put in batches of
/// their own.
struct Batcher: ~Copyable {
  /// A batch is an open one until its size is reached; an input whose data sets alternate keeps several open.
  private static let mostOpen = 16
  /// Where the server names nothing, the guilty value of a batch is found by halves: such batches stay small.
  private static let mostDoubtful = 100
  /// The last value of a batch may reach beyond its bytes.
  private static let slackBytes = 64 * 1024

  private var reader: LineReader
  private let scratch = DataValueLine.Scratch()
  private let options: PushOptions
  private let isDataValues: Bool
  private let batchBytes: Int
  private let failsWholeGroups: Bool
  private let defaultCombo: [UInt8]
  private let server: DestinationTraits
  private let account: Account
  private var open: [OpenBatch] = []
  private var ready: [Batch] = []
  private var readyFirst = 0
  private var nextNumber = 1
  private var ended = false

  init(_ options: PushOptions, _ server: DestinationTraits, _ account: Account) {
    reader = LineReader(descriptor: 0)
    self.options = options
    isDataValues = options.kind == .dataValues
    batchBytes = options.batchBytes
    failsWholeGroups = server.failsWholeGroups
    defaultCombo = server.defaultCombo
    self.server = server
    self.account = account
  }

  /// The next batch of about `size` values; `nil` at the end of the input.
  ///
  /// - Throws: `CommandFailure`: 65 for a malformed line where there is no file for rejects; what was read before it is in the batches.
  mutating func next(size: Int) throws -> Batch? {
    while true {
      if readyFirst < ready.count {
        let batch = ready[readyFirst]
        readyFirst += 1
        if readyFirst == ready.count {
          ready = []
          readyFirst = 0
        }
        return batch
      }
      if let failure = pendingFailure { throw failure }
      if ended { return nil }
      do {
        try read(upTo: size)
      } catch let failure as CommandFailure {
        // What is whole goes first.
        pendingFailure = failure
        sealAll()
      }
    }
  }

  private var pendingFailure: CommandFailure?

  /// The rest of the input goes to the rejects, since the server can take no more.
  mutating func drain(reason: Refusal) throws {
    sealAll()
    for batch in ready[readyFirst...] { try account.notSent(batch, reason) }
    ready = []
    while let line = try reader.next() {
      if line.allSatisfy({ $0 <= 0x20 }) { continue }
      try account.notSent(line: UnsafeRawBufferPointer(line), number: reader.number, reason)
    }
    ended = true
  }

  /// Reads until one batch is full, or to the end.
  private mutating func read(upTo size: Int) throws {
    while ready.isEmpty {
      guard let line = try reader.next() else {
        ended = true
        sealAll()
        return
      }
      try take(UnsafeRawBufferPointer(line), size)
    }
  }

  private mutating func take(_ bytes: UnsafeRawBufferPointer, _ size: Int) throws {
    let line: DataValueLine
    do throws(DataValueLine.Fault) {
      line = try DataValueLine(bytes, scratch)
      try check(line)
    } catch {
      if bytes.allSatisfy({ $0 <= 0x20 }) { return }
      return try account.malformed(line: bytes, number: reader.number, "\(error)")
    }
    let dataSet = isDataValues && line[.dataSet].kind != .absent ? line.text(.dataSet) : nil
    let key = hash(line)
    let isDoubtful = failsWholeGroups && server.mayFailRequest(line)
    // What has the same key and went into another batch goes before it, so that the last one wins.
    if open.count > 1,
      open.contains(where: { ($0.dataSet, $0.isDoubtful) != (dataSet, isDoubtful) && $0.contains(key) })
    {
      sealAll()
    }
    let size = isDoubtful ? min(size, Self.mostDoubtful) : size
    let rewriting = failsWholeGroups && ValueRewriter.isNeeded(line)
    var batch = openBatch(for: dataSet, isDoubtful, size)
    if !batch.add(bytes, line: reader.number, key: key, needsRewriting: rewriting) {
      seal(batch)
      batch = openBatch(for: dataSet, isDoubtful, size)
      _ = batch.add(bytes, line: reader.number, key: key, needsRewriting: rewriting)
    }
    if batch.count >= size || batch.bytes >= batchBytes { seal(batch) }
  }

  // The two kinds are spelled out: a loop over an array of keys costs more than all that is done here.
  @inline(__always)
  private func check(_ line: DataValueLine) throws(DataValueLine.Fault) {
    if isDataValues {
      try check(line, .dataElement)
      try check(line, .period)
      try check(line, .orgUnit)
    } else {
      try check(line, .dataSet)
      try check(line, .period)
      try check(line, .organisationUnit)
    }
  }

  @inline(__always)
  private func check(_ line: DataValueLine, _ key: DataValueLine.Key) throws(DataValueLine.Fault) {
    let field = line[key]
    if field.kind != .string || field.length == 0 { try checkUnusual(field, key) }
  }

  private func checkUnusual(_ field: DataValueLine.Field, _ key: DataValueLine.Key) throws(DataValueLine.Fault) {
    switch field.kind {
    case .absent: throw .init("no \"\(key.name)\"")
    case .null: throw .init("\"\(key.name)\" is null")
    case .object, .array: throw .init("\"\(key.name)\" is not an id")
    case .string where field.length == 0: throw .init("\"\(key.name)\" is empty")
    default: break
    }
  }

  /// The open batch of a data set.
  @inline(__always)
  private mutating func openBatch(for dataSet: String?, _ isDoubtful: Bool, _ size: Int) -> OpenBatch {
    if let last = open.last, last.dataSet == dataSet, last.isDoubtful == isDoubtful { return last }
    return anotherBatch(for: dataSet, isDoubtful, size)
  }

  private mutating func anotherBatch(for dataSet: String?, _ isDoubtful: Bool, _ size: Int) -> OpenBatch {
    if let place = open.firstIndex(where: { $0.dataSet == dataSet && $0.isDoubtful == isDoubtful }) {
      // The batch in use stands last.
      open.append(open.remove(at: place))
      return open[open.count - 1]
    }
    if open.count == Self.mostOpen { seal(open[0]) }
    let batch = OpenBatch(
      number: nextNumber, dataSet: dataSet, isDoubtful: isDoubtful,
      header: server.header(dataSet: dataSet, kind: options.kind),
      capacity: min(batchBytes + Self.slackBytes, size * 320))
    nextNumber += 1
    open.append(batch)
    return batch
  }

  private mutating func seal(_ batch: OpenBatch) {
    open.removeAll { $0 === batch }
    guard batch.count > 0 else { return }
    let sealed = batch.sealed()
    account.add { $0.read += sealed.values.count }
    ready.append(sealed)
  }

  private mutating func sealAll() {
    // In the order in which they were begun.
    for batch in open.sorted(by: { $0.number < $1.number }) { seal(batch) }
  }

  /// Absent option combos are the default one: a value may name it or leave it out.
  @inline(__always)
  private func hash(_ line: DataValueLine) -> UInt64 {
    var hash = KeyHash()
    if isDataValues {
      hash.add(line.bytes(line[.dataElement]))
      hash.add(line.bytes(line[.period]))
      hash.add(line.bytes(line[.orgUnit]))
      add(line, .categoryOptionCombo, to: &hash)
    } else {
      hash.add(line.bytes(line[.dataSet]))
      hash.add(line.bytes(line[.period]))
      hash.add(line.bytes(line[.organisationUnit]))
    }
    add(line, .attributeOptionCombo, to: &hash)
    return hash.value
  }

  @inline(__always)
  private func add(_ line: DataValueLine, _ key: DataValueLine.Key, to hash: inout KeyHash) {
    let field = line[key]
    if field.kind == .absent || field.kind == .null {
      defaultCombo.withUnsafeBytes { hash.add($0) }
    } else {
      hash.add(line.bytes(field))
    }
  }
}
