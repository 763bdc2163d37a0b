import D2Common
import Glibc

/// Maps ids: for each kind of id, a table from the bytes in a value to their replacement.
package struct MappingTable {
  /// The target of an id.
  package enum Target: Equatable {
    /// The bytes between the quotes, escaped for JSON.
    case id([UInt8])
    /// The value is left out.
    case drop
  }

  /// The target of an id that nobody has decided on yet.
  package static let undecidedTarget = "?"

  /// The kinds, by the keys of data values.
  package static let kinds: [DataValueLine.Key] = [
    .dataElement, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .period, .value, .dataSet,
  ]

  private var tables: [IDTable] = Array(repeating: IDTable(), count: kinds.count)
  package private(set) var count = 0
  /// How many ids have no decision yet.
  package private(set) var undecided = 0

  /// The kinds with entries in the table, by all keys that name them. Registrations have another key for their unit.
  package var mappedKinds: [(key: DataValueLine.Key, table: IDTable)] {
    zip(Self.kinds, tables).filter { !$1.isEmpty }.flatMap { key, table in
      (key == .orgUnit ? [.orgUnit, .organisationUnit] : [key]).map { ($0, table) }
    }
  }

  /// The targets for ids of a kind; `nil` if the table has none of that kind.
  package func ids(of kind: DataValueLine.Key) -> IDTable? {
    mappedKinds.first { $0.key == kind }?.table
  }

  package init() {}

  /// The bytes of a table file, without a byte order mark.
  ///
  /// - Throws: `CommandFailure`: 74 if it cannot be read, 65 if it is empty.
  package static func bytes(of path: String) throws(CommandFailure) -> [UInt8] {
    do { return text(try FileBytes.read(path, atMost: 1 << 30)) } catch {
      throw CommandFailure(.cannotRead, "cannot read \(path): \(error)")
    }
  }

  private static func text(_ bytes: [UInt8]) -> [UInt8] {
    bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
  }

  /// Reads a table from bytes; the path is for messages.
  package init(_ bytes: [UInt8], _ path: String) throws(CommandFailure) { try read(bytes, path) }

  /// Reads a table: CSV or TSV with a header line that names at least `kind` (or `type`), `from` and `to`; or a JSON
  /// object of objects (`{"dataElement": {"a": "b", "c": null}}`). An empty target drops the value. Entries of earlier
  /// tables stay.
  ///
  /// - Parameter path: the path for messages.
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

  /// Adds the target of an id: another id, or none if it is empty.
  ///
  /// - Parameter path: the path of the table with this entry, for messages.
  /// - Throws: `CommandFailure`, 65 if the id already has another target.
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

  /// A text as the inside of a JSON string.
  package static func escaped(_ text: String) -> [UInt8] {
    var quoted: [UInt8] = []
    JSONValue.writeString(text, to: &quoted)
    return Array(quoted.dropFirst().dropLast())
  }

  /// The text of a JSON string's inside.
  package static func unescaped(_ bytes: [UInt8]) -> String? {
    let quote = UInt8(ascii: "\"")
    return (try? JSONValue(parsing: [quote] + bytes + [quote]))?.string
  }
}

/// The targets for ids of one kind, by the ids' bytes.
package struct IDTable {
  private var table = HashTable()
  private var entries: [(id: [UInt8], target: MappingTable.Target)] = []

  package var isEmpty: Bool { entries.isEmpty }

  /// Adds an entry. False if the id already has another target.
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

  /// The target of an id.
  package subscript(text id: String) -> MappingTable.Target? {
    MappingTable.escaped(id).withUnsafeBytes { self[$0] }
  }

  @inline(__always)
  private static func isSame(_ text: [UInt8], _ other: UnsafeRawBufferPointer) -> Bool {
    text.count == other.count && (other.isEmpty || memcmp(text, other.baseAddress!, other.count) == 0)
  }

  /// FNV-1a over words, because ids are short.
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
