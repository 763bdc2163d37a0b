import D2Common
import TestSupport
import Testing

/// integrator.sql: on whatever is there, the end is the same schema, and nothing is lost.
@Suite("integrator.sql", .serialized, .enabled(if: StoreKind.hasPostgreSQL, Comment(rawValue: StoreKind.skipped)))
struct IntegratorTests {
  /// What was seen in databases of the Python tool, and what could have been.
  private static let awkward = #"""

    INSERT INTO integration_pair (id, source, destination, source_config, destination_config, source_orgunits_synced, is_active) VALUES
      (3, 'hmis', 'repo', '{"use_pat": "false", "username": "u", "password": "it''s \"s3cret\" 🏥", "api_url": "https://a.example/dhis/api"}', NULL, NULL, false),
      (5, 'hmis', 'repo', '{"username": "v", "ous_synced": "true", "password": null}', '{"pat": "d2pat_x", "use_pat": true, "api_url": "https://b.example/api"}', true, true),
      (6, 'hmis', 'repo', NULL, '{"pat": "other", "datasets_synced": false}', false, NULL),
      (8, 'Żółw', '東京', '{}', '[]', NULL, true),
      (9, NULL, 'repo', NULL, NULL, NULL, NULL), (10, NULL, 'repo', NULL, NULL, NULL, true),
      (12, 'hmis', 'other', '{"api_url": "https://a.example/dhis/api"}', '{}', NULL, false);
    SELECT setval('integration_pair_id_seq', 12);
    INSERT INTO sync_datasets (integration_pair_id, dataset_id, dataset_name, reporting_frequency, include_deleted, is_active, last_sync) VALUES
      (3, 'DataSet0001', NULL, 'Monthly', false, false, '2020-01-01'), (3, 'DataSet0001', 'Line one
    line "two", it''s', NULL, NULL, NULL, '2021-01-01'), (5, 'DataSet0001', 'third', 'Weekly', true, true, '2022-01-01'),
      (5, 'DataSet0002', 'only at the second', 'FinancialJuly', false, false, '2022-01-01'),
      (6, 'DataSet0003', 'only at the third', NULL, NULL, NULL, '2022-01-01'),
      (NULL, 'DataSet0004', 'without a pair', NULL, true, true, '2022-01-01'), (NULL, 'DataSet0004', 'without a pair', NULL, true, true, '2022-01-01'),
      (3, NULL, 'without an id', NULL, true, true, '2022-01-01'), (12, 'DataSet0001', 'another pair''s', 'Daily', false, true, '2022-01-01');
    INSERT INTO orgunits (integration_pair_id, dhis2_name, dhis2_id, dhis2_path, dhis2_parent, dhis2_level, priority, is_active) VALUES
      (3, NULL, 'Unit0000001', NULL, NULL, NULL, NULL, NULL), (3, 'Bo', 'Unit0000001', '/Unit0000000/Unit0000001', 'Unit0000000', 2, 4, false),
      (6, 'Bo', 'Unit0000001', NULL, NULL, 2, 1, true), (6, 'שלום, 🏥', 'Unit0000002', '/Unit0000000/Unit0000002', NULL, 2, NULL, false),
      (NULL, 'nobody''s', 'Unit0000001', NULL, NULL, NULL, NULL, true), (8, 'Bo', 'Unit0000001', NULL, NULL, NULL, NULL, NULL);
    """#

  private static func emptySchema() throws -> [String] {
    let store = try TestStore(.postgresql)
    _ = try store.open()
    return try PythonStore.schemaLines(store)
  }

  private static func differences(_ a: [String], _ b: [String]) -> String {
    let (left, right) = (Set(a), Set(b))
    let lines = a.filter { !right.contains($0) }.map { "- " + $0 } + b.filter { !left.contains($0) }.map { "+ " + $0 }
    return lines.joined(separator: "\n")
  }

  @Test("psql and the commands make the same of nothing, of the Python tool's and of ours")
  func same() throws {
    let shell = Shell(["SQL": PythonStore.integrator])
    let expected = try Self.emptySchema()
    #expect(expected.count > 50)
    let psql = "psql -X -q -v ON_ERROR_STOP=1 -f $SQL \"$D2_STORE\""
    for (what, command) in [("psql", psql), ("command", "d2-pairs list >&2")] {
      for store in [
        try TestStore(.postgresql), try PythonStore.make(cascade: true),
        try PythonStore.make(Self.awkward, defaults: true),
      ] {
        let first = shell.run(command, ["D2_STORE": store.location])
        #expect(first.status == 0, "\(what): \(first.errors)")
        let differences = Self.differences(expected, try PythonStore.schemaLines(store))
        #expect(differences.isEmpty, "\(what): \(differences)")
        let data = try PythonStore.dataLines(store)
        let again = shell.run("\(psql) && d2-pairs list >&2", ["D2_STORE": store.location])
        #expect(again.status == 0 && again.output.isEmpty, "\(again.output)\(again.errors)")
        let isSame = try PythonStore.dataLines(store) == data && PythonStore.schemaLines(store) == expected
        #expect(isSame, "\(what): the second time changed something")
      }
    }
  }

  @Test("awkward rows: folded, none lost", arguments: [false, true])
  func awkwardRows(cascade: Bool) throws {
    let store = try PythonStore.make(Self.awkward, cascade: cascade)
    _ = try store.open()
    #expect(
      try store.rows(
        "SELECT id, source, destination, is_active, source_orgunits_synced FROM integration_pair ORDER BY id") == [
          "3|hmis|repo|t|t", "8|Żółw|東京|t|NULL", "9|NULL|repo|NULL|NULL", "10|NULL|repo|t|NULL", "12|hmis|other|f|NULL",
        ])
    let source = try JSONValue(parsing: try store.rows("SELECT source_config FROM integration_pair WHERE id = 3")[0])
    // The active one's, but for what it has not.
    #expect(source["username"] == "v" && source["password"] == "it's \"s3cret\" 🏥" && source["ous_synced"] == "true")
    #expect(source["api_url"] == "https://a.example/dhis/api" && source["use_pat"]?.bool == false)
    let destination = try JSONValue(
      parsing: try store.rows("SELECT destination_config FROM integration_pair WHERE id = 3")[0])
    #expect(
      destination["pat"] == "d2pat_x" && destination["use_pat"] == true && destination["datasets_synced"] == false)
    #expect(
      try store.rows(
        "SELECT integration_pair_id, dataset_id, dataset_name, reporting_frequency, include_deleted, is_active, synced_through, last_sync::date FROM sync_datasets ORDER BY dataset_id, id"
      ) == [
        "3|DataSet0001|third|Weekly|t|t|NULL|2020-01-01", "12|DataSet0001|another pair's|Daily|f|t|NULL|2022-01-01",
        "3|DataSet0002|only at the second|FinancialJuly|f|f|NULL|2022-01-01",
        "3|DataSet0003|only at the third|NULL|NULL|NULL|NULL|2022-01-01",
        "NULL|DataSet0004|without a pair|NULL|t|t|NULL|2022-01-01",
        "NULL|DataSet0004|without a pair|NULL|t|t|NULL|2022-01-01",
        "3|NULL|without an id|NULL|t|t|NULL|2022-01-01",
      ])
    #expect(
      try store.rows(
        "SELECT integration_pair_id, dhis2_id, dhis2_name, dhis2_path, dhis2_level, priority, is_active FROM orgunits ORDER BY dhis2_id, id"
      ) == [
        "3|Unit0000001|Bo|/Unit0000000/Unit0000001|2|1|t", "NULL|Unit0000001|nobody's|NULL|NULL|NULL|t",
        "8|Unit0000001|Bo|NULL|NULL|NULL|NULL", "3|Unit0000002|שלום, 🏥|/Unit0000000/Unit0000002|2|NULL|f",
      ])
    // Numbers go on, and every period type is taken.
    let database = try store.connect()
    let id = try database.rows("INSERT INTO integration_pair (source, destination) VALUES ('x', 'y') RETURNING id")[0]
      .int(0)
    #expect(id == 13)
    try database.execute(
      "INSERT INTO sync_datasets (integration_pair_id, dataset_id, reporting_frequency) VALUES (13, 'a', 'SixMonthlyNov')"
    )
    #expect(throws: StoreError.self) {
      try database.execute(
        "INSERT INTO sync_datasets (integration_pair_id, dataset_id, reporting_frequency) VALUES (13, 'b', 'Monthyl')")
    }
    for twice in [
      "integration_pair (source, destination) VALUES ('x', 'y')",
      "sync_datasets (integration_pair_id, dataset_id) VALUES (13, 'a')",
      "orgunits (integration_pair_id, dhis2_id) VALUES (3, 'Unit0000002')",
    ] { #expect(throws: StoreError.self) { try database.execute("INSERT INTO \(twice)") } }
  }

  @Test("several run it at once, with psql and through commands")
  func concurrent() throws {
    let expected = try Self.emptySchema()
    for store in [try TestStore(.postgresql), try PythonStore.make(Self.awkward)] {
      let shell = Shell(["SQL": PythonStore.integrator, "D2_STORE": store.location])
      let outcome = shell.run(
        """
        for i in 1 2 3 4; do
          psql -X -q -v ON_ERROR_STOP=1 -f $SQL "$D2_STORE" & d2-pairs list --format tsv >&2 &
        done
        status=0
        for job in $(jobs -p); do wait $job || status=$?; done
        exit $status
        """)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let differences = Self.differences(expected, try PythonStore.schemaLines(store))
      #expect(differences.isEmpty, "\(differences)")
      #expect(try store.rows("SELECT count(*) FROM d2_schema") == ["1"])
    }
  }

  @Test("what a newer d2 made is refused by psql too, and nothing is changed")
  func newer() throws {
    let store = try TestStore(.postgresql)
    _ = try store.open()
    try store.connect().executeScript("INSERT INTO d2_schema (version) VALUES (9); DROP INDEX orgunits_once")
    let shell = Shell(["SQL": PythonStore.integrator, "D2_STORE": store.location])
    let outcome = shell.run("psql -X -q -v ON_ERROR_STOP=1 -f $SQL \"$D2_STORE\"; echo $?; d2-pairs list; echo $?")
    #expect(outcome.lines == ["3", "78"], "\(outcome.errors)")
    #expect(outcome.errors.contains("version 9"))
    #expect(try store.rows("SELECT to_regclass('orgunits_once')") == ["NULL"])
  }

  // MARK: Random databases

  private struct Row: Hashable {
    let pair: String
    let uid: String
  }

  @Test("random databases of the Python tool lose nothing")
  func random() throws {
    let store = try TestStore(.postgresql)
    for seed in 0..<40 {
      try store.connect().executeScript("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
      try random(seed, store)
    }
  }

  private func random(_ seed: Int, _ store: TestStore) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    func maybe<Value>(_ value: Value) -> Value? { Int.random(in: 0...4, using: &random) == 0 ? nil : value }
    func flag() -> Bool? { [true, false, nil].randomElement(using: &random)! }
    let database = try store.connect()
    try database.executeScript(PythonStore.schema(cascade: seed % 2 == 0, defaults: seed % 3 == 0))
    var labels: [String] = []
    var activePairs: [String: Bool] = [:]
    var keys: Set<String> = []
    for number in 0..<Int.random(in: 1...8, using: &random) {
      let (source, destination) = (
        maybe("s\(Int.random(in: 0...1, using: &random))"), maybe("d\(Int.random(in: 0...1, using: &random))")
      )
      let label = source != nil && destination != nil ? "\(source!)/\(destination!)" : "alone \(number)"
      labels.append(label)
      let isActive = flag()
      activePairs[label] = (activePairs[label] ?? false) || isActive == true
      var configs: [JSONValue?] = []
      for end in ["source", "destination"] {
        let chosen = ["use_pat", "username", "password", "api_url", "pat", "ous_synced", "odd \"key\" 🏥"].filter { _ in
          Bool.random(using: &random)
        }
        let config: JSONValue? = maybe(
          .object(
            chosen.map { .init($0, [.string("\(number)"), true, "false", .null].randomElement(using: &random)!) }))
        for key in config == nil ? [] : chosen { keys.insert("\(label) \(end) \(key)") }
        configs.append(config)
      }
      try database.execute(
        """
        INSERT INTO integration_pair (id, source, destination, source_config, destination_config, source_orgunits_synced, is_active)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        [
          .int(number + 1), SQLValue(source), SQLValue(destination), SQLValue(configs[0]?.text),
          SQLValue(configs[1]?.text),
          flag().map { .bool($0) } ?? .null, isActive.map { .bool($0) } ?? .null,
        ])
    }
    var expected: [String: [Row: Bool]] = ["sync_datasets": [:], "orgunits": [:]]
    var loose: [String: Int] = [:]
    for (table, column) in [("sync_datasets", "dataset_id"), ("orgunits", "dhis2_id")] {
      for _ in 0..<Int.random(in: 0...30, using: &random) {
        let pair = maybe(Int.random(in: 0..<labels.count, using: &random))
        let uid = maybe("u\(Int.random(in: 0...4, using: &random))")
        let isActive = flag()
        try database.execute(
          "INSERT INTO \(table) (integration_pair_id, \(column), is_active) VALUES ($1, $2, $3)",
          [SQLValue(pair.map { $0 + 1 }), SQLValue(uid), isActive.map { .bool($0) } ?? .null])
        if let pair, let uid {
          let row = Row(pair: labels[pair], uid: uid)
          expected[table]![row] = (expected[table]![row] ?? false) || isActive == true
        } else {
          loose[table, default: 0] += 1
        }
      }
    }

    _ = try store.open()

    var found: [Int: String] = [:]
    var foundPairs: [String: Bool] = [:]
    var foundKeys: Set<String> = []
    for row in try database.rows(
      "SELECT id, source, destination, is_active, source_config, destination_config FROM integration_pair")
    {
      let label =
        row.text(1) != nil && row.text(2) != nil ? "\(row.text(1)!)/\(row.text(2)!)" : "alone \(row.int(0)! - 1)"
      #expect(foundPairs[label] == nil, "\(label) twice")
      found[row.int(0)!] = label
      foundPairs[label] = row.bool(3) ?? false
      for (end, column) in [("source", 4), ("destination", 5)] {
        let config = try row.text(column).map { try JSONValue(parsing: $0) }
        for member in config?.members ?? [] { foundKeys.insert("\(label) \(end) \(member.key)") }
      }
    }
    #expect(foundPairs == activePairs, "seed \(seed)")
    #expect(keys.subtracting(foundKeys).isEmpty && foundKeys.subtracting(keys).isEmpty)
    for (table, column) in [("sync_datasets", "dataset_id"), ("orgunits", "dhis2_id")] {
      var rows: [Row: Bool] = [:]
      var others = 0
      for row in try database.rows("SELECT integration_pair_id, \(column), is_active FROM \(table)") {
        guard let pair = row.int(0), let uid = row.text(1) else {
          others += 1
          continue
        }
        let key = Row(pair: found[pair] ?? "?", uid: uid)
        #expect(rows[key] == nil, "\(key) twice")
        rows[key] = row.bool(2) ?? false
      }
      let isSame = rows == expected[table]!
      #expect(isSame, "\(table): \(rows) instead of \(expected[table]!)")
      #expect(others == loose[table, default: 0])
    }
    #expect(try database.rows("SELECT 1 FROM sync_datasets WHERE synced_through IS NOT NULL").isEmpty)
  }
}
