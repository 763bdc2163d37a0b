import D2Common
import D2Client

/// A pair of servers between which data sets are moved.
package struct Pair: Sendable, Equatable {
  package let id: Int
  /// Its name; pairs of the Python tool have none.
  package var name: String?
  package var source: ConfiguredServer
  package var destination: ConfiguredServer
  package var isActive: Bool

  /// Whether complete data set registrations are moved together with the values.
  package var movesRegistrations: Bool {
    get { source.settings[Self.registrationsKey]?.bool ?? false }
    set { source.set(Self.registrationsKey, .bool(newValue)) }
  }

  package static let registrationsKey = "with_registrations"

  /// Its label: its name, or `source/destination`.
  package var label: String { name ?? "\(source.name)/\(destination.name)" }

  /// A reference that `--pair` accepts for this row only, whatever the names of other pairs: `id:7`.
  package var reference: String { Self.reference(id) }

  package static func reference(_ number: Int) -> String { "\(referenceMark)\(number)" }

  fileprivate static let referenceMark = "id:"

  /// The number in a reference like `id:7`; `nil` for another text.
  fileprivate static func number(reference text: String) -> Int? {
    text.hasPrefix(referenceMark) ? Int(text.dropFirst(referenceMark.count)) : nil
  }

  /// Why a text is not allowed as a pair's name; `nil` if it is.
  package static func fault(inName name: String) -> String? {
    if name.trimmed.isEmpty || !name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) {
      return "the pair needs a name that can be typed"
    }
    if name.trimmed.utf8.allSatisfy({ (0x30...0x39).contains($0) }) || name.hasPrefix(referenceMark) {
      return
        "a pair cannot be called \(name.quoted): numbers and \(referenceMark) mean rows of the store. Give it a letter first"
    }
    return nil
  }

  /// The name as a word of a command line, to be copied.
  package var word: String { ShellWord.quoted(label) }

  /// Its settings, with secrets masked.
  package var shown: JSONValue {
    [
      "id": .int(id), "pair": .string(label), "source": .string(source.name), "destination": .string(destination.name),
      "active": .bool(isActive), "source_config": source.shown, "destination_config": destination.shown,
    ]
  }
}

extension Store {
  private static let pairColumns = "id, name, source, destination, source_config, destination_config, is_active"

  /// All pairs, oldest first.
  package func pairs() throws -> [Pair] {
    try database.rows("SELECT \(Self.pairColumns) FROM integration_pair ORDER BY id").map { try pair($0) }
  }

  /// The pair with a row number, by which slices and other output of d2 refer to it.
  ///
  /// - Throws: `CommandFailure`, 78 if there is no such pair.
  package func pair(numbered number: Int) throws -> Pair {
    let found = try database.rows("SELECT \(Self.pairColumns) FROM integration_pair WHERE id = $1", [.int(number)])
    guard let row = found.first else {
      throw CommandFailure(
        .configuration, "no pair of number \(number) in \(database.location) (d2-pairs list shows them)")
    }
    return try pair(row)
  }

  /// Finds the pair that the user means: by its name, by `source/destination`, by its source alone if that is unique,
  /// or by its row number. `id:7` always means the row number.
  ///
  /// - Throws: `CommandFailure`, 78 if no pair matches, or several do.
  package func pair(named name: String) throws -> Pair {
    if let number = Pair.number(reference: name) { return try pair(numbered: number) }
    let pairs = try pairs()
    let numbered = pairs.filter { String($0.id) == name }
    for named in [
      pairs.filter { $0.name == name }, pairs.filter { $0.label == name }, pairs.filter { $0.source.name == name },
      numbered,
    ] where !named.isEmpty {
      // A number is also a valid name: old pairs have names of digits, which may be the row numbers of other pairs.
      let others = numbered.filter { other in !named.contains { $0.id == other.id } }
      let matches = (named + others).sorted { $0.id < $1.id }
      guard matches.count == 1 else {
        throw CommandFailure(
          .configuration,
          "pair \(name.quoted) may be any of " + matches.map { "\($0.reference) (\($0.label))" }.joined(separator: ", ")
            + ": give one of these, such as --pair \(matches[0].reference)")
      }
      return matches[0]
    }
    let known = pairs.map(\.label)
    let nearest = Suggestion.nearest(to: name, among: known).map { "; did you mean \($0.quoted)?" } ?? ""
    throw CommandFailure(
      .configuration,
      "no pair \(name.quoted) in \(database.location)\(nearest) "
        + (known.isEmpty ? "(it has none: d2-pairs add)" : "(d2-pairs list shows them)"))
  }

  private func pair(_ row: SQLRow) throws -> Pair {
    func settings(_ column: Int) throws -> JSONValue {
      guard let text = row.text(column) else { return .object([]) }
      do { return try JSONValue(parsing: Array(text.utf8)) } catch {
        throw StoreError(
          .unusable, "store \(database.location): the configuration of pair \(row.int(0) ?? 0) is not JSON")
      }
    }
    var pair = Pair(
      id: row.int(0) ?? 0, name: row.text(1),
      source: ConfiguredServer(name: row.text(2) ?? "", settings: try settings(4)),
      destination: ConfiguredServer(name: row.text(3) ?? "", settings: try settings(5)), isActive: row.bool(6) ?? false)
    pair.source.end = PairEnd(pair: pair.label, side: .source)
    pair.destination.end = PairEnd(pair: pair.label, side: .destination)
    return pair
  }

  /// Adds a pair.
  ///
  /// - Throws: `CommandFailure`, 78 if the name, or a pair of these servers, already exists.
  package func add(
    name: String, source: ConfiguredServer, destination: ConfiguredServer, isActive: Bool
  ) throws -> Pair {
    try database.transaction {
      let pairs = try pairs()
      if let twin = pairs.first(where: { $0.name == name || $0.label == name }) {
        throw CommandFailure(
          .configuration, "pair \(name.quoted) is there already (number \(twin.id)): d2-pairs set changes it")
      }
      if let twin = pairs.first(where: { $0.source.name == source.name && $0.destination.name == destination.name }) {
        throw CommandFailure(
          .configuration,
          "the servers \(source.name) and \(destination.name) are a pair already: \(twin.label.quoted). For another one between the same servers give --source-name or --destination-name"
        )
      }
      let id = try database.rows(
        """
        INSERT INTO integration_pair
          (name, source, destination, source_config, destination_config, source_orgunits_synced, is_active, created,
          updated)
        VALUES ($1, $2, $3, $4, $5, FALSE, $6, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP) RETURNING id
        """,
        [
          .text(name), .text(source.name), .text(destination.name), .text(source.settings.text),
          .text(destination.settings.text), .bool(isActive),
        ]
      )[0].int(0)!
      return Pair(id: id, name: name, source: source, destination: destination, isActive: isActive)
    }
  }

  /// Writes the changes of a pair, if there are any.
  package func update(_ pair: Pair) throws {
    try database.execute(
      """
      UPDATE integration_pair
      SET name = $2, source_config = $3, destination_config = $4, is_active = $5, updated = CURRENT_TIMESTAMP
      WHERE id = $1
        AND (name IS DISTINCT FROM $2 OR source_config IS DISTINCT FROM $3 OR destination_config IS DISTINCT FROM $4
          OR is_active IS DISTINCT FROM $5)
      """,
      [
        .int(pair.id), SQLValue(pair.name), .text(pair.source.settings.text), .text(pair.destination.settings.text),
        .bool(pair.isActive),
      ])
  }

  /// Removes a pair with its data sets, organisation units and slices.
  ///
  /// - Returns: how many of each were removed.
  @discardableResult
  package func remove(_ pair: Pair) throws -> [(rows: Int, kind: String)] {
    try database.transaction {
      let removed = try [
        ("slices", "slices"), ("sync_windows", "increments"), ("sync_datasets", "data sets"),
        ("orgunits", "organisation units"),
      ].map { table, kind in
        (try database.execute("DELETE FROM \(table) WHERE integration_pair_id = $1", [.int(pair.id)]), kind)
      }
      try database.execute("DELETE FROM integration_pair WHERE id = $1", [.int(pair.id)])
      return removed
    }
  }

  /// Stores the selection of the source's metadata in its configuration; `nil` removes it.
  package func remember(_ settings: [String: String?], _ pair: Pair) throws {
    // Read it again, because somebody may have changed it meanwhile.
    var pair = try self.pair(numbered: pair.id)
    for (key, value) in settings {
      if let value { pair.source.set(key, .string(value)) } else { pair.source.remove(key) }
    }
    try update(pair)
  }

  /// Records in the source's configuration that metadata was synced, like the Python tool.
  package func markSynced(_ key: String, _ pair: Pair) throws {
    var pair = try self.pair(numbered: pair.id)
    guard pair.source.settings[key]?.bool != true else { return }
    pair.source.set(key, true)
    try update(pair)
    if key == "ous_synced" {
      try database.execute("UPDATE integration_pair SET source_orgunits_synced = TRUE WHERE id = $1", [.int(pair.id)])
    }
  }
}
