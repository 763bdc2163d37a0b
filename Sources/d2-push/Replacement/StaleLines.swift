import D2Client
import D2Common
import D2Store

/// What the destination holds in the scope of an input: each line in a temporary file, with the hash of its key. Those
/// whose keys the input lacks are stale.
struct StaleLines {
  private struct Held: BitwiseCopyable {
    var key: UInt64
    var place: Place
  }

  private struct Place: BitwiseCopyable {
    var offset: UInt64
    var length: UInt32
  }

  private let kind: DataKind
  private let sender: ServerSender
  private let environment: [String: String]
  private let lines: TemporaryFile
  private let held: PartitionedRecords<Held>
  private var stale: PartitionedRecords<Place>?
  private var bytes = 0
  /// Lines that are no values, if there is such a thing: they stay.
  private(set) var unreadable = 0
  /// How many of each key, once.
  private(set) var heldCount = 0
  var staleCount: Int { stale?.count ?? 0 }

  /// - Throws: `CommandFailure`, 73.
  init(_ kind: DataKind, _ sender: ServerSender, environment: [String: String]) throws(CommandFailure) {
    self.kind = kind
    self.sender = sender
    self.environment = environment
    lines = try TemporaryFile(environment: environment)
    held = PartitionedRecords(
      partitions: InputKeys.partitions, memoryBytes: InputKeys.memoryBytes, bufferBytes: 2 << 20,
      environment: environment)
  }

  /// Reads what a d2-pull writes, up to its end.
  ///
  /// - Throws: `CommandFailure`.
  mutating func read(_ descriptor: Int32) throws {
    var reader = LineReader(descriptor: descriptor)
    while let block = try reader.nextBlock() {
      try Signals.check()
      let piece = sender.locate(block)
      unreadable += piece.faults.count
      for line in piece.lines {
        let text = piece.text[piece.place(of: line)]
        if kind == .registrations, !Self.isComplete(text) { continue }
        let place = Place(offset: UInt64(bytes), length: line.length)
        try text.withUnsafeBytes { try lines.append($0) }
        bytes += text.count
        try held.append(Held(key: line.key, place: place), to: InputKeys.partition(of: line.key))
      }
    }
  }

  /// A registration that was taken back holds nothing that could be deleted.
  private static func isComplete(_ registration: ArraySlice<UInt8>) -> Bool {
    DataValueLine.reading(registration, DataValueLine.Scratch()) {
      $0[.completed].kind == .absent || $0.isTrue(.completed)
    } ?? false
  }

  /// Finds those whose keys are not among those of the input, each key once.
  mutating func compare(with keys: InputKeys) throws {
    let stale = PartitionedRecords<Place>(
      partitions: InputKeys.partitions, memoryBytes: InputKeys.memoryBytes, bufferBytes: 1 << 20,
      environment: environment)
    for partition in 0..<InputKeys.partitions {
      try Signals.check()
      var ofInput = Set<UInt64>(minimumCapacity: keys.hashes.count(partition))
      try keys.hashes.forEach(in: partition) { ofInput.insert($0) }
      var seen = Set<UInt64>(minimumCapacity: held.count(partition))
      try held.forEach(in: partition) { line in
        guard seen.insert(line.key).inserted else { return }
        heldCount += 1
        if ofInput.contains(line.key) { return }
        try stale.append(line.place, to: Int(line.place.offset) * InputKeys.partitions / max(bytes, 1))
      }
    }
    self.stale = stale
  }

  /// Writes the stale ones, as their own deletions, in the order in which the destination gave them: a file that can be
  /// read from its beginning.
  ///
  /// - Throws: `CommandFailure`, 73 or 74.
  func deletions() throws -> TemporaryFile {
    let file = try TemporaryFile(environment: environment)
    let scratch = DataValueLine.Scratch()
    for partition in 0..<InputKeys.partitions {
      try Signals.check()
      var places: [Place] = []
      try stale?.forEach(in: partition) { places.append($0) }
      var text: [UInt8] = []
      for place in places.sorted(by: { $0.offset < $1.offset }) {
        let line = try [UInt8](unsafeUninitializedCapacity: Int(place.length)) { buffer, count in
          count = try lines.read(at: Int(place.offset), into: UnsafeMutableRawBufferPointer(buffer))
        }
        text += DataValueLine.reading(line[...], scratch) { $0.deletion } ?? []
        text.append(UInt8(ascii: "\n"))
      }
      try text.withUnsafeBytes { try file.append($0) }
    }
    return file
  }
}
