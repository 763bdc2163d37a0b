import D2Common
import D2Hash
import Synchronization

/// A key on which the two sides differ.
struct Difference: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    /// The destination lacks the value.
    case missing
    /// The destination has another value.
    case different
    /// The source lacks the value.
    case extra
    /// The destination has a value that the source has deleted.
    case deleted

    /// Its name in a table.
    var name: String { self == .deleted ? "extra" : "\(self)" }

    /// Whether the source's line represents it.
    var isOfSource: Bool { self != .extra }
  }

  var kind: Kind
  /// The place of the line that represents it.
  var place: LinePlace
  /// The place of the other side's line, if there is one.
  var other: LinePlace
  var hasOther: Bool
}

/// How many keys of each kind were found.
struct DifferenceCounts: Equatable, Sendable {
  var equal = 0
  var missing = 0
  var different = 0
  var extra = 0
  /// The extra ones that the source has as deleted.
  var deleted = 0
  /// Values of the source that the destination does not store. Pushing them again would change nothing.
  var dropped = 0
  /// Values of both sides that differ only by the destination's own spelling, or by a reference to a file.
  var changed = 0

  var source: Int { equal + missing + different + dropped + changed }
  var destination: Int { equal + different + extra + changed }
  /// Values that the destination does not keep as they are.
  var notKept: Int { dropped + changed }

  static func += (left: inout DifferenceCounts, right: DifferenceCounts) {
    left.equal += right.equal
    left.missing += right.missing
    left.different += right.different
    left.extra += right.extra
    left.deleted += right.deleted
    left.dropped += right.dropped
    left.changed += right.changed
  }
}

/// The results of one thread.
final class Findings: @unchecked Sendable {
  // One thread fills it; later it is only read.
  fileprivate(set) var counts = DifferenceCounts()
  fileprivate(set) var ofSourceGroups: [UInt32: DifferenceCounts] = [:]
  fileprivate(set) var ofDestinationGroups: [UInt32: DifferenceCounts] = [:]
  /// Partitioned by the places of the source's lines and of the destination's, which is the order of the output.
  let ofSource: PartitionedRecords<Difference>
  let ofDestination: PartitionedRecords<Difference>

  fileprivate init(memoryBytes: Int, environment: [String: String]) {
    func records() -> PartitionedRecords<Difference> {
      PartitionedRecords(
        partitions: Comparison.outputPartitions, memoryBytes: memoryBytes / 2, bufferBytes: 1 << 20,
        environment: environment)
    }
    ofSource = records()
    ofDestination = records()
  }
}

/// Compares the records of both sides, one partition at a time. Only a table of one partition's keys is in memory.
struct Comparison: Sendable {
  let source: Side
  let destination: Side
  /// Whether to write what only the destination has.
  let includesExtras: Bool
  /// Whether to count differences by group.
  let countsGroups: Bool
  let memoryBytes: Int
  let environment: [String: String]

  static let outputPartitions = 1024
  private static let threads = 2
  /// The memory for a key, with its share of the table.
  private static let bytesPerKey = 128

  /// - Throws: `CommandFailure`, 73 or 74 for temporary files.
  func run(_ executor: BlockingExecutor) async throws -> [Findings] {
    let next = NextPartition()
    return try await withThrowingTaskGroup(of: Findings.self) { group in
      for _ in 0..<Self.threads {
        group.addTask(executorPreference: executor) {
          let findings = Findings(memoryBytes: memoryBytes / 4, environment: environment)
          while let partition = next.take() {
            try Signals.check()
            try compare(partition, source.records, destination.records, depth: 0, findings)
          }
          return findings
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
  }

  private final class NextPartition: Sendable {
    private let next = Atomic<Int>(0)

    func take() -> Int? {
      let partition = next.wrappingAdd(1, ordering: .relaxed).oldValue
      return partition < Side.partitions ? partition : nil
    }
  }

  /// What a side has for a key. Its last line counts, as on a server that reads the lines one by one.
  private struct Holding {
    enum State { case absent, present, deleted }

    var value = ValueHash()
    var place = LinePlace(offset: 0, length: 0)
    var group: UInt32 = 0
    var state = State.absent
    var keeping = SideRecord.Keeping.whole

    init() {}

    init(_ record: SideRecord) {
      value = record.value
      place = record.place
      group = record.group
      state = record.isDeleted ? .deleted : .present
      keeping = record.keeping
    }
  }

  private func compare(
    _ partition: Int, _ sources: PartitionedRecords<SideRecord>, _ destinations: PartitionedRecords<SideRecord>,
    depth: Int, _ findings: Findings
  ) throws {
    let (ofSource, ofDestination) = (sources.count(partition), destinations.count(partition))
    // Eight bytes of the key's hash distribute the records. At the deepest level, only equal keys are left together.
    if (ofSource + ofDestination) * Self.bytesPerKey > memoryBytes / 4, depth < 7 {
      let parts = try [sources, destinations].map { try split($0, partition, depth: depth + 1) }
      for part in 0..<Side.partitions { try compare(part, parts[0], parts[1], depth: depth + 1, findings) }
      return
    }
    var table = HashTable(capacity: max(ofSource, ofDestination))
    var holdings: [(key: UInt64, source: Holding, destination: Holding)] = []
    holdings.reserveCapacity(max(ofSource, ofDestination))
    func place(of key: ValueHash) -> Int {
      let (place, isNew) = table.enter(key.low) { holdings[$0].key == key.high }
      if isNew { holdings.append((key.high, Holding(), Holding())) }
      return place
    }
    try sources.forEach(in: partition) { holdings[place(of: $0.key)].source = Holding($0) }
    try destinations.forEach(in: partition) { holdings[place(of: $0.key)].destination = Holding($0) }
    for (_, source, destination) in holdings { try note(source, destination, findings) }
  }

  private func split(
    _ records: PartitionedRecords<SideRecord>, _ partition: Int, depth: Int
  ) throws -> PartitionedRecords<SideRecord> {
    let parts = PartitionedRecords<SideRecord>(
      partitions: Side.partitions, memoryBytes: 0, bufferBytes: 2 << 20, environment: environment)
    try records.forEach(in: partition) {
      try parts.append($0, to: Int(truncatingIfNeeded: $0.key.high >> (56 - 8 * depth)) & 0xFF)
    }
    return parts
  }

  @inline(__always)
  private func note(_ source: Holding, _ destination: Holding, _ findings: Findings) throws {
    var counts = DifferenceCounts()
    var found: Difference.Kind?
    switch (source.state == .present, destination.state == .present) {
    case (true, true) where source.value == destination.value && source.keeping != .changed: counts.equal = 1
    case (true, true) where source.value == destination.value || source.keeping == .file: counts.changed = 1
    case (true, true):
      counts.different = 1
      found = .different
    case (true, false) where source.keeping == .dropped || source.keeping == .file: counts.dropped = 1
    case (true, false):
      counts.missing = 1
      found = .missing
    case (false, true):
      counts.extra = 1
      counts.deleted = source.state == .deleted ? 1 : 0
      found = !includesExtras ? nil : source.state == .deleted ? .deleted : .extra
    case (false, false): return
    }
    findings.counts += counts
    if countsGroups {
      if source.state == .present {
        findings.ofSourceGroups[source.group, default: DifferenceCounts()] += counts
      } else {
        findings.ofDestinationGroups[destination.group, default: DifferenceCounts()] += counts
      }
    }
    guard let found else { return }
    let (teller, other) = found.isOfSource ? (source, destination) : (destination, source)
    let difference = Difference(
      kind: found, place: teller.place, other: other.place, hasOther: other.state == .present)
    let side = found.isOfSource ? self.source : self.destination
    try (found.isOfSource ? findings.ofSource : findings.ofDestination).append(
      difference, to: Int(teller.place.offset) * Self.outputPartitions / max(side.placeEnd, 1))
  }
}
