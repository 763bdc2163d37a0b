import D2Common

/// Makes batches of located lines: one data set each, no key twice, in the order of the input.
///
/// A server may fail a whole request over some values, because it may be unable to read their id or period. Such values
/// go into batches of their own.
struct Batcher: BatchMaker {
  /// A batch is open until it reaches its size. If the data sets of an input alternate, several batches are open.
  private static let mostOpen = 16
  /// If the server does not name the invalid value, d2-push bisects the batch to find it. Such batches stay small.
  private static let mostDoubtful = 100
  /// The last value of a batch may exceed the batch's bytes.
  private static let slackBytes = 64 * 1024

  private let options: PushOptions
  private let server: DestinationTraits
  private let sizer: BatchSizer
  /// How many requests may be in flight.
  private let concurrency: @Sendable () -> Int
  /// How many bytes the current batches may hold.
  private var batchBytes = 0
  /// Lines that are in no batch yet: the pieces, and how many lines of the first one are used.
  private var pieces: [LocatedLines] = []
  private var used = 0
  private var waitingBytes = 0
  private var open: [Batch] = []
  private var ready: [Batch] = []
  private var nextNumber = 1
  private var ended = false
  private(set) var made = 0

  init(
    _ options: PushOptions, _ server: DestinationTraits, _ sizer: BatchSizer,
    concurrency: @escaping @Sendable () -> Int = { 1 }
  ) {
    self.concurrency = concurrency
    self.options = options
    self.server = server
    self.sizer = sizer
  }

  var waitingPieces: Int { pieces.count }

  /// The number of remaining values is known only at the end of the input. So d2-push reads ahead as much as one batch
  /// may hold.
  var looksAhead: Bool { waitingBytes < options.batchBytes(among: concurrency()) }

  mutating func add(_ piece: LocatedLines) {
    pieces.append(piece)
    waitingBytes += piece.text.count
  }

  mutating func end() { ended = true }

  var patienceSeconds: Double { ended || !ready.isEmpty || !looksAhead ? 0 : sizer.patienceSeconds(for: left) }

  mutating func next() -> Batch? { next(size: ended ? sizer.size(ofLast: left) : sizer.size) }

  /// How many values are not in a finished batch yet.
  private var left: Int {
    pieces.reduce(-used) { $0 + $1.lines.count } + open.reduce(0) { $0 + $1.values.count }
  }

  /// The next batch of about `size` values.
  private mutating func next(size: Int) -> Batch? {
    batchBytes = options.batchBytes(among: concurrency())
    while ready.isEmpty, let piece = pieces.first {
      used = take(piece, from: used, size)
      if used == piece.lines.count {
        waitingBytes -= pieces.removeFirst().text.count
        used = 0
      }
    }
    if ready.isEmpty, ended { sealAll() }
    guard !ready.isEmpty else { return nil }
    ready[0].wantedSize = size
    return ready.removeFirst()
  }

  mutating func rest() -> [Batch] {
    var batches: [Batch] = []
    ended = true
    while let batch = next(size: .max) { batches.append(batch) }
    return batches
  }

  /// Puts lines into batches until one is ready. Returns the index of the next line.
  private mutating func take(_ piece: LocatedLines, from first: Int, _ size: Int) -> Int {
    var index = first
    while index < piece.lines.count, ready.isEmpty {
      let line = piece.lines[index]
      let dataSet = line.dataSet < 0 ? nil : piece.dataSets[Int(line.dataSet)]
      let size = line.isDoubtful ? min(size, Self.mostDoubtful) : size
      // The batch in use is the last one.
      let last = openBatch(for: dataSet, line.isDoubtful, size)
      // If another open batch already has the key, this line waits until that batch is sealed.
      if last > 0, open[..<last].contains(where: { $0.keys.contains(line.key) }) {
        sealAll()
        continue
      }
      let most = last == 0 ? size : open[last].values.count + 1
      let next = open[last].add(piece, from: index, size: most, bytes: batchBytes)
      // A key that the batch already has begins the next batch, so that the last value wins.
      if next == index || open[last].values.count >= size || open[last].bytes >= batchBytes { seal(last) }
      index = next
    }
    return index
  }

  /// The index of a data set's open batch, which is always the last one.
  @inline(__always)
  private mutating func openBatch(for dataSet: String?, _ isDoubtful: Bool, _ size: Int) -> Int {
    if let last = open.last, last.dataSet == dataSet, last.isDoubtful == isDoubtful { return open.count - 1 }
    return anotherBatch(for: dataSet, isDoubtful, size)
  }

  private mutating func anotherBatch(for dataSet: String?, _ isDoubtful: Bool, _ size: Int) -> Int {
    if let place = open.firstIndex(where: { $0.dataSet == dataSet && $0.isDoubtful == isDoubtful }) {
      open.append(open.remove(at: place))
      return open.count - 1
    }
    if open.count == Self.mostOpen { seal(0) }
    let expected = size > batchBytes / 320 ? batchBytes : size * 320
    open.append(
      Batch(
        number: nextNumber, dataSet: dataSet, isDoubtful: isDoubtful,
        header: server.header(dataSet: dataSet, kind: options.kind),
        keepsBlocks: !options.compressesValues, capacity: expected + Self.slackBytes,
        expected: min(size, expected / 256)))
    nextNumber += 1
    return open.count - 1
  }

  private mutating func seal(_ place: Int) {
    var batch = open.remove(at: place)
    guard !batch.values.isEmpty else { return }
    batch.seal()
    made += batch.values.count
    ready.append(batch)
  }

  private mutating func sealAll() {
    // In the order in which they were begun.
    open.sort { $0.number < $1.number }
    while !open.isEmpty { seal(0) }
  }
}
