import D2Client
import D2Common
import D2Store

/// What the destination has in the scope of an input. A temporary file holds each line, with the hash of its key. Lines
/// whose keys the input lacks are stale.
struct StaleLines {
  private struct Held: BitwiseCopyable {
    var key: UInt64
    var place: Place
  }

  private struct Place: BitwiseCopyable {
    var offset: UInt64
    var length: UInt32
    /// The index of the part of the scope.
    var part: UInt32
  }

  private let kind: DataKind
  private let sender: ServerSender
  /// The uid of the destination's default option combo.
  private let defaultCombo: String
  private let environment: [String: String]
  private let lines: TemporaryFile
  private let held: PartitionedRecords<Held>
  private var stale: PartitionedRecords<Place>?
  private var bytes = 0
  private let scratch = DataValueLine.Scratch()
  /// How many lines d2-push cannot read. They stay at the destination.
  private(set) var unreadable = 0
  /// How many lines each part of the scope has, counting each key once.
  private(set) var heldCounts: [Int]
  var staleCount: Int { stale?.count ?? 0 }

  /// - Parameter parts: how many parts the scope has.
  /// - Throws: `CommandFailure`, 73.
  init(
    _ kind: DataKind, _ sender: ServerSender, parts: Int, environment: [String: String]
  ) throws(CommandFailure) {
    heldCounts = Array(repeating: 0, count: parts)
    self.kind = kind
    self.sender = sender
    defaultCombo = String(decoding: sender.defaultCombo, as: UTF8.self)
    self.environment = environment
    lines = try TemporaryFile(environment: environment)
    held = PartitionedRecords(
      partitions: InputKeys.partitions, memoryBytes: InputKeys.memoryBytes, bufferBytes: 2 << 20,
      environment: environment)
  }

  /// Reads the output of the d2-pull for a part of the scope, up to its end.
  ///
  /// - Throws: `CommandFailure`.
  mutating func read(_ descriptor: Int32, part: Int) throws {
    var reader = LineReader(descriptor: descriptor)
    while let block = try reader.nextBlock() {
      try Signals.check()
      let piece = sender.locate(block)
      unreadable += piece.faults.count
      for line in piece.lines {
        let text = piece.text[piece.place(of: line)]
        if kind == .registrations, !Self.isComplete(text) { continue }
        let place = Place(offset: UInt64(bytes), length: line.length, part: UInt32(part))
        try text.withUnsafeBytes { try lines.append($0) }
        bytes += text.count
        try held.append(Held(key: line.key, place: place), to: InputKeys.partition(of: line.key))
      }
    }
  }

  /// Whether a registration is complete. One that was taken back contains nothing to delete.
  private static func isComplete(_ registration: ArraySlice<UInt8>) -> Bool {
    DataValueLine.reading(registration, DataValueLine.Scratch()) {
      $0[.completed].kind == .absent || $0.isTrue(.completed)
    } ?? false
  }

  /// Finds the lines whose keys are not in the input, each key once.
  mutating func compare(with keys: InputKeys) throws {
    let stale = places()
    for partition in 0..<InputKeys.partitions {
      try Signals.check()
      var ofInput = Set<UInt64>(minimumCapacity: keys.hashes.count(partition))
      try keys.hashes.forEach(in: partition) { ofInput.insert($0) }
      var seen = Set<UInt64>(minimumCapacity: held.count(partition))
      try held.forEach(in: partition) { line in
        guard seen.insert(line.key).inserted else { return }
        heldCounts[Int(line.place.part)] += 1
        if !ofInput.contains(line.key) { try add(line.place, to: stale) }
      }
    }
    self.stale = stale
  }

  private func places() -> PartitionedRecords<Place> {
    PartitionedRecords(
      partitions: InputKeys.partitions, memoryBytes: InputKeys.memoryBytes, bufferBytes: 1 << 20,
      environment: environment)
  }

  private func add(_ place: Place, to places: PartitionedRecords<Place>) throws {
    try places.append(place, to: Int(place.offset) * InputKeys.partitions / max(bytes, 1))
  }

  /// The places of the stale lines, in the destination's order.
  private func forEachStale(_ body: (Place) throws -> Void) throws {
    for partition in 0..<InputKeys.partitions {
      try Signals.check()
      var places: [Place] = []
      try stale?.forEach(in: partition) { places.append($0) }
      for place in places.sorted(by: { $0.offset < $1.offset }) { try body(place) }
    }
  }

  private func line(at place: Place) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: Int(place.length)) { buffer, count in
      count = try lines.read(at: Int(place.offset), into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  // MARK: What they are of

  /// What a stale line is of.
  struct Subject {
    let unit: String
    /// `nil` for a registration.
    let dataElement: String?
    /// `nil` for the default one.
    let attributeCombo: String?
    /// The index of the part of the scope.
    let part: Int
  }

  /// The organisation units of the stale lines.
  func units() throws -> Set<String> {
    var units: Set<String> = []
    try forEachSubject { units.insert($0.unit) }
    return units
  }

  /// The attribute option combos of the stale lines, without the default one.
  func attributeCombos() throws -> Set<String> {
    var combos: Set<String> = []
    try forEachSubject { _ = $0.attributeCombo.map { combos.insert($0) } }
    return combos
  }

  private func forEachSubject(_ body: (Subject) -> Void) throws {
    try forEachStale { place in if let subject = try subject(at: place) { body(subject) } }
  }

  /// `nil` for a line without a unit.
  private func subject(at place: Place) throws -> Subject? {
    DataValueLine.reading(try line(at: place)[...], scratch) { line -> Subject? in
      guard let unit = line.text(.orgUnit) ?? line.text(.organisationUnit) else { return nil }
      let combo = line.text(.attributeOptionCombo).flatMap { $0.isEmpty || $0 == defaultCombo ? nil : $0 }
      return Subject(
        unit: unit, dataElement: line.text(.dataElement), attributeCombo: combo, part: Int(place.part))
    } ?? nil
  }

  /// Keeps the stale lines that the input would have if the source had them. About the others it says nothing.
  mutating func keep(where isSaid: (Subject) -> Bool) throws {
    let kept = places()
    try forEachStale { place in
      if let subject = try subject(at: place), isSaid(subject) { try add(place, to: kept) }
    }
    stale = kept
  }

  /// How many lines of each part of the scope are stale.
  func staleCounts() throws -> [Int] {
    var counts = Array(repeating: 0, count: heldCounts.count)
    try forEachStale { counts[Int($0.part)] += 1 }
    return counts
  }

  /// Writes the deletions of the stale lines, in the destination's order, to a file that can be read from its
  /// beginning.
  ///
  /// - Throws: `CommandFailure`, 73 or 74.
  func deletions() throws -> TemporaryFile {
    let file = try TemporaryFile(environment: environment)
    var text: [UInt8] = []
    try forEachStale { place in
      text += DataValueLine.reading(try line(at: place)[...], scratch) { $0.deletion } ?? []
      text.append(UInt8(ascii: "\n"))
      if text.count > Self.textBytes {
        try text.withUnsafeBytes { try file.append($0) }
        text.removeAll(keepingCapacity: true)
      }
    }
    try text.withUnsafeBytes { try file.append($0) }
    return file
  }

  private static let textBytes = 1 << 20
}
