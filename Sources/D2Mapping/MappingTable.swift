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

  /// The kinds that the table has something for, by all keys that name them: registrations have another one for their
  /// unit.
  package var mappedKinds: [(key: DataValueLine.Key, table: IDTable)] {
    zip(Self.kinds, tables).filter { !$1.isEmpty }.flatMap { key, table in
      (key == .orgUnit ? [.orgUnit, .organisationUnit] : [key]).map { ($0, table) }
    }
  }

  /// What ids of a kind become; `nil` if the table has none of the kind.
  package func ids(of kind: DataValueLine.Key) -> IDTable? {
    mappedKinds.first { $0.key == kind }?.table
  }

  package init() {}

  /// The bytes of a table, without a byte order mark.
  ///
  /// - Throws: `CommandFailure`: 74 where it cannot be read, 65 where it is empty.
  package static func bytes(of path: String) throws(CommandFailure) -> [UInt8] {
    do { return text(try FileBytes.read(path, atMost: 1 << 30)) } catch {
      throw CommandFailure(.cannotRead, "cannot read \(path): \(error)")
    }
  }

  private static func text(_ bytes: [UInt8]) -> [UInt8] {
    bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
  }

  /// Reads the bytes of a table; the path is for messages.
  package init(_ bytes: [UInt8], _ path: String) throws(CommandFailure) { try read(bytes, path) }

  /// Reads a table: CSV or TSV with a header line that names at least `kind` (or `type`), `from` and `to`, or a JSON
  /// object of objects (`{"dataElement": {"a": "b", "c": null}}`). An empty target drops the value. What was read
  /// before stays.
  ///
  /// - Parameter path: for messages.
  /// - Throws: `CommandFailure`, 65 if the text is not a mapping, with the line.
  package mutating func read(_ bytes: [UInt8], _ path: String) throws(CommandFailure) {
    let text = Self.text(bytes)
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
          throw CommandFailure(.malformedInput, "\(path): the target of \(entry.key) is not a text")
        }
        try add(kind.key, entry.key, entry.value.scalarText ?? "", "\(path): ")
      }
    }
  }

  private mutating func readRows(_ bytes: [UInt8], _ path: String) throws(CommandFailure) {
    var table = try HeadedRows(bytes, path)
    let needed = "it needs kind, from and to"
    let (kind, from, to) = (
      try table.column(["kind", "type", "object"], needed), try table.column(["from", "source"], needed),
      try table.column(["to", "target", "destination"], needed)
    )
    while let row = try table.next([kind, from, to]) {
      try add(row[kind], row[from], row[to], "\(path), line \(table.line): ")
    }
  }

  /// Adds what an id becomes: another id, or nothing if it is empty.
  ///
  /// - Parameter path: of the table that says so, for messages.
  /// - Throws: `CommandFailure`, 65 where it becomes something else already.
  package mutating func add(
    _ kind: DataValueLine.Key, _ from: String, _ to: String, in path: String
  ) throws(CommandFailure) {
    try add(kind.name, from, to, "\(path): ")
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
        .malformedInput, "\(place)\(name.quoted) is not a kind: \(Self.kinds.map(\.name).joined(separator: ", "))")
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

  /// The text of what stands between the quotes of a JSON string.
  package static func unescaped(_ bytes: [UInt8]) -> String? {
    let quote = UInt8(ascii: "\"")
    return (try? JSONValue(parsing: [quote] + bytes + [quote]))?.string
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

  /// What an id becomes.
  package subscript(text id: String) -> MappingTable.Target? {
    MappingTable.escaped(id).withUnsafeBytes { self[$0] }
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
