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

  private var reader: LineReader
  private let scratch = DataValueLine.Scratch()
  private let options: PushOptions
  private let server: DestinationTraits
  private let account: Account
  private var open: [Batch] = []
  private var ready: [Batch] = []
  private var readyFirst = 0
  private var nextNumber = 1
  private var ended = false

  init(_ options: PushOptions, _ server: DestinationTraits, _ account: Account) {
    reader = LineReader(descriptor: 0)
    self.options = options
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
    account.readOne()
    let dataSet = options.kind == .dataValues ? line.text(.dataSet) : nil
    let key = hash(line)
    let isDoubtful = server.mayFailRequest(line)
    // What has the same key and went into another batch goes before it, so that the last one wins.
    if open.count > 1, open.contains(where: { ($0.dataSet, $0.isDoubtful) != (dataSet, isDoubtful) && $0.keys.contains(key) }) {
      sealAll()
    }
    let size = isDoubtful ? min(size, Self.mostDoubtful) : size
    let rewriting = server.respells && ValueRewriter.isNeeded(line)
    var place = place(for: dataSet, isDoubtful, size)
    if !open[place].add(bytes, line: reader.number, key: key, needsRewriting: rewriting) {
      seal(place)
      place = self.place(for: dataSet, isDoubtful, size)
      _ = open[place].add(bytes, line: reader.number, key: key, needsRewriting: rewriting)
    }
    if open[place].values.count >= size || open[place].bytes >= options.batchBytes { seal(place) }
  }

  private func check(_ line: DataValueLine) throws(DataValueLine.Fault) {
    for key in options.kind.required {
      switch line[key].kind {
      case .absent: throw .init("no \"\(key.name)\"")
      case .null: throw .init("\"\(key.name)\" is null")
      case .object, .array: throw .init("\"\(key.name)\" is not an id")
      case .string where line[key].length == 0: throw .init("\"\(key.name)\" is empty")
      default: break
      }
    }
  }

  /// The open batch of a data set.
  private mutating func place(for dataSet: String?, _ isDoubtful: Bool, _ size: Int) -> Int {
    if let place = open.lastIndex(where: { $0.dataSet == dataSet && $0.isDoubtful == isDoubtful }) { return place }
    if open.count == Self.mostOpen { seal(0) }
    defer { nextNumber += 1 }
    open.append(
      Batch(
        number: nextNumber, dataSet: dataSet, isDoubtful: isDoubtful,
        header: server.header(dataSet: dataSet, kind: options.kind), capacity: min(options.batchBytes, size * 320)))
    return open.count - 1
  }

  private mutating func seal(_ place: Int) {
    var batch = open.remove(at: place)
    guard !batch.values.isEmpty else { return }
    batch.seal()
    ready.append(batch)
  }

  private mutating func sealAll() {
    while !open.isEmpty { seal(0) }
  }

  /// Absent option combos are the default one: a value may name it or leave it out.
  private func hash(_ line: DataValueLine) -> UInt64 {
    var hash = KeyHash()
    for key in options.kind.identity {
      let field = line[key]
      if field.kind == .absent || field.kind == .null {
        server.defaultCombo.withUnsafeBytes { hash.add($0) }
      } else {
        hash.add(line.bytes(field))
      }
    }
    return hash.value
  }
}
