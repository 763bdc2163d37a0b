import D2Common

/// Makes batches of located lines: values of one data set, no key twice, in the order of the input.
///
/// Values that a server may answer with a failure of the whole request (an id or period that it may be unable to read) are put in batches of
/// their own.
struct Batcher {
  /// A batch is an open one until its size is reached; an input whose data sets alternate keeps several open.
  private static let mostOpen = 16
  /// Where the server names nothing, the guilty value of a batch is found by halves: such batches stay small.
  private static let mostDoubtful = 100
  /// The last value of a batch may reach beyond its bytes.
  private static let slackBytes = 64 * 1024

  private let options: PushOptions
  private let server: DestinationTraits
  private let account: Account
  /// Lines that are in no batch yet: pieces, and how far the first is used.
  private var pieces: [LocatedLines] = []
  private var used = 0
  private var open: [OpenBatch] = []
  private var ready: [Batch] = []
  private var nextNumber = 1
  private var ended = false

  init(_ options: PushOptions, _ server: DestinationTraits, _ account: Account) {
    self.options = options
    self.server = server
    self.account = account
  }

  /// How many pieces of input wait.
  var waitingPieces: Int { pieces.count }

  mutating func add(_ piece: LocatedLines) { pieces.append(piece) }

  /// No more input comes.
  mutating func end() { ended = true }

  /// The next batch of about `size` values; `nil` where more input is needed, or there is none.
  mutating func next(size: Int) -> Batch? {
    while ready.isEmpty, let piece = pieces.first {
      used = take(piece, from: used, size)
      if used == piece.lines.count {
        pieces.removeFirst()
        used = 0
      }
    }
    if ready.isEmpty, ended { sealAll() }
    return ready.isEmpty ? nil : ready.removeFirst()
  }

  /// What was read and is in no batch that was handed on.
  mutating func rest() -> [Batch] {
    var batches: [Batch] = []
    ended = true
    while let batch = next(size: .max) { batches.append(batch) }
    return batches
  }

  /// Puts lines into batches until one is ready. Returns how far it came.
  private mutating func take(_ piece: LocatedLines, from first: Int, _ size: Int) -> Int {
    piece.text.withUnsafeBytes { text in
      var index = first
      while index < piece.lines.count, ready.isEmpty {
        let line = piece.lines[index]
        let dataSet = line.dataSet < 0 ? nil : piece.dataSets[Int(line.dataSet)]
        let size = line.isDoubtful ? min(size, Self.mostDoubtful) : size
        let batch = openBatch(for: dataSet, line.isDoubtful, size)
        if open.count == 1 {
          let next = batch.add(piece, text, from: index, size: size, bytes: options.batchBytes)
          // A key that is in already begins the next batch, so that the last one wins.
          if next == index || batch.count >= size || batch.bytes >= options.batchBytes { seal(batch) }
          index = next
        } else {
          index += takeOne(piece, text, line, batch, size) ? 1 : 0
        }
      }
      return index
    }
  }

  /// With several batches open, a line whose key went into another of them waits until that one is sealed. Returns whether the line was taken.
  private mutating func takeOne(
    _ piece: LocatedLines, _ text: UnsafeRawBufferPointer, _ line: LocatedLines.Line, _ batch: OpenBatch, _ size: Int
  ) -> Bool {
    if open.contains(where: { $0 !== batch && $0.contains(line.key) }) {
      sealAll()
      return false
    }
    let bytes = UnsafeRawBufferPointer(rebasing: text[Int(line.start)..<Int(line.start + line.length)])
    let isTaken = batch.add(
      bytes, line: piece.linesBefore + line.number, key: line.key, needsRewriting: line.needsRewriting,
      fate: line.fate)
    if !isTaken || batch.count >= size || batch.bytes >= options.batchBytes { seal(batch) }
    return isTaken
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
    let expected = size > options.batchBytes / 320 ? options.batchBytes : size * 320
    let batch = OpenBatch(
      number: nextNumber, dataSet: dataSet, isDoubtful: isDoubtful,
      header: server.header(dataSet: dataSet, kind: options.kind), capacity: expected + Self.slackBytes)
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
}
