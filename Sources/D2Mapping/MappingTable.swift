import D2Common
import Glibc

/// What ids become: for each kind of id a table from the bytes that stand in a value to those that take their place.
package struct MappingTable {
  /// What an id becomes.
  package enum Target: Equatable {
    /// The bytes between the quotes, escaped for JSON.
    case id([UInt8])
    /// The value is left out.
    case drop
  }

  /// What stands instead of an id that nobody has decided on yet.
  package static let undecidedTarget = "?"

  /// The kinds, by the keys of data values.
  package static let kinds: [DataValueLine.Key] = [
    .dataElement, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .period, .value, .dataSet,
  ]

  private var tables: [IDTable] = Array(repeating: IDTable(), count: kinds.count)
  package private(set) var count = 0
  /// How many ids stand in the table whose target nobody has decided on.
  package private(set) var undecided = 0

  /// The kinds that the table has something for.
  package var mappedKinds: [(key: DataValueLine.Key, table: IDTable)] {
    zip(Self.kinds, tables).filter { !$1.isEmpty }.map { ($0, $1) }
  }

  package init() {}

  /// Reads a table: CSV or TSV with a header line that names at least `kind` (or `type`), `from` and `to`, or a JSON
  /// object of objects (`{"dataElement": {"a": "b", "c": null}}`). An empty target drops the value.
  ///
  /// - Throws: `CommandFailure`: 74 where it cannot be read, 65 for what is no mapping, with the line.
  package init(path: String) throws(CommandFailure) {
    let bytes: [UInt8]
    do { bytes = try FileBytes.read(path, atMost: 1 << 30) } catch {
      throw CommandFailure(.cannotRead, "cannot read \(path): \(error)")
    }
    try self.init(bytes, path)
  }

  /// Reads the bytes of a table; the path is for messages.
  package init(_ bytes: [UInt8], _ path: String) throws(CommandFailure) {
    let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    guard let first = text.first(where: { $0 > 0x20 }) else {
      throw CommandFailure(.malformedInput, "\(path) is empty")
    }
    if first == UInt8(ascii: "{") { try readJSON(text, path) } else { try readRows(text, path) }
  }

  private mutating func readJSON(_ bytes: [UInt8], _ path: String) throws(CommandFailure) {
    guard let members = (try? JSONValue(parsing: bytes))?.members else {
      throw CommandFailure(.malformedInput, "\(path) is not JSON of the form {\"dataElement\": {\"from\": \"to\"}}")
    }
    for kind in members {
      for entry in kind.value.members ?? [] {
        guard entry.value == .null || entry.value.scalarText != nil else {
          throw CommandFailure(.malformedInput, "\(path): the target of \(entry.key) is no text")
        }
        try add(kind.key, entry.key, entry.value.scalarText ?? "", "\(path): ")
      }
    }
  }

  private mutating func readRows(_ bytes: [UInt8], _ path: String) throws(CommandFailure) {
    let firstLine = bytes.prefix { $0 != 0x0A }
    var rows = DelimitedRows(
      bytes,
      separator: firstLine.contains(0x09) ? 0x09 : firstLine.contains(0x3B) && !firstLine.contains(0x2C) ? 0x3B : 0x2C)
    func next() throws(CommandFailure) -> [String]? {
      do { return try rows.next() } catch {
        throw CommandFailure(.malformedInput, "\(path), line \(rows.line): \(error)")
      }
    }
    let header = (try next() ?? []).map { $0.lowercased() }
    func column(_ names: String...) throws(CommandFailure) -> Int {
      guard let place = header.firstIndex(where: { names.contains($0) }) else {
        throw CommandFailure(
          .malformedInput, "\(path): the first line names no column \(names[0].quoted); it needs kind, from and to")
      }
      return place
    }
    let (kind, from, to) = (
      try column("kind", "type", "object"), try column("from", "source"), try column("to", "target", "destination")
    )
    while let row = try next() {
      if row.allSatisfy(\.isEmpty) { continue }
      // A row that is cut short must not drop values: only a cell that is there and empty does.
      guard row.count > max(kind, from, to) else {
        throw CommandFailure(
          .malformedInput,
          "\(path), line \(rows.line): too few cells: \(row.count), but the first line names \(header.count) columns")
      }
      try add(row[kind], row[from], row[to], "\(path), line \(rows.line): ")
    }
  }

  private mutating func add(_ name: String, _ from: String, _ to: String, _ place: String) throws(CommandFailure) {
    let plural = name.lowercased()
    let kind = Self.kinds.firstIndex {
      let own = $0.name.lowercased()
      return own == plural || own + "s" == plural
        || ($0 == .orgUnit && ["organisationunit", "organisationunits"].contains(plural))
    }
    guard let kind else {
      throw CommandFailure(
        .malformedInput, "\(place)\(name.quoted) is no kind: \(Self.kinds.map(\.name).joined(separator: ", "))")
    }
    guard !from.isEmpty else { throw CommandFailure(.malformedInput, "\(place)the source's id is empty") }
    guard to != Self.undecidedTarget else {
      undecided += 1
      return
    }
    let target: Target = to.isEmpty ? .drop : .id(Self.escaped(to))
    guard tables[kind].insert(Self.escaped(from), target) else {
      throw CommandFailure(.malformedInput, "\(place)\(from) is mapped twice, to different targets")
    }
    count += 1
  }

  /// As it stands between the quotes of a JSON string.
  package static func escaped(_ text: String) -> [UInt8] {
    var quoted: [UInt8] = []
    JSONValue.writeString(text, to: &quoted)
    return Array(quoted.dropFirst().dropLast())
  }
}

/// What the ids of one kind become, by their bytes.
package struct IDTable {
  private var table = HashTable()
  private var entries: [(id: [UInt8], target: MappingTable.Target)] = []

  package var isEmpty: Bool { entries.isEmpty }

  /// False where the id is there with another target.
  package mutating func insert(_ id: [UInt8], _ target: MappingTable.Target) -> Bool {
    let (place, isNew) = id.withUnsafeBytes { id in
      table.enter(Self.hash(id)) { Self.isSame(entries[$0].id, id) }
    }
    if isNew { entries.append((id, target)) }
    return entries[place].target == target
  }

  @inline(__always)
  package subscript(id: UnsafeRawBufferPointer) -> MappingTable.Target? {
    table.number(Self.hash(id)) { Self.isSame(entries[$0].id, id) }.map { entries[$0].target }
  }

  @inline(__always)
  private static func isSame(_ text: [UInt8], _ other: UnsafeRawBufferPointer) -> Bool {
    text.count == other.count && (other.isEmpty || memcmp(text, other.baseAddress!, other.count) == 0)
  }

  /// FNV-1a over words: ids are short.
  @inline(__always)
  private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(bytes.count)
    var at = 0
    while at + 8 <= bytes.count {
      hash = (hash ^ bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
      at += 8
    }
    while at < bytes.count {
      hash = (hash ^ UInt64(bytes[at])) &* 0x0000_0100_0000_01B3
      at += 1
    }
    return hash ^ hash >> 32
  }
}
