import D2Common
import D2Store
import TestSupport
import Testing
import WaitingTests

/// integrator.sql: on whatever is there, the end is the same schema, and nothing is lost.
@Suite("integrator.sql", .waiting, .enabled(if: StoreKind.hasPostgreSQL, Comment(rawValue: StoreKind.skipped)))
struct IntegratorTests {
  /// Rows that the tool's own schema allows: duplicates with other settings; empty texts; units without an id or with
  /// level 0; an id with a blank.
  private static let awkward = #"""
    INSERT INTO integration_pair (id, source, destination, source_config, destination_config, source_orgunits_synced, is_active) VALUES
      (3, 'hmis', 'repo', '{"use_pat": "false", "username": "u", "password": "it''s \"s3cret\" 🏥", "api_url": "https://a.example/dhis/api"}', '{}', false, false),
      (5, 'hmis', 'repo', '{"username": "v", "ous_synced": "true", "api_url": "https://b.example/api"}', '{}', true, true),
      (6, 'hmis', 'repo', '{}', '{"pat": "other", "api_url": "https://c.example/api", "datasets_synced": false}', false, true),
      (8, 'Żółw', '東京', '{}', '[]', false, true), (9, '', 'repo', '{}', '{}', false, false),
      (10, '', 'repo', DEFAULT, DEFAULT, DEFAULT, true),
      (12, 'hmis', 'other', '{"api_url": "https://a.example/dhis/api"}', '{}', false, false), (13, '1', '2', '{}', '{}', false, true);
    SELECT setval('integration_pair_id_seq', 13);
    INSERT INTO sync_datasets (integration_pair_id, dataset_id, dataset_name, reporting_frequency, include_deleted, is_active, last_sync) VALUES
      (3, 'DataSet0001', '', 'Monthly', true, true, '2020-01-01'), (5, 'DataSet0001', 'Line one
    line "two", it''s', 'Monthly', NULL, true, '2021-01-01'), (5, 'DataSet0001', 'third', 'Weekly', true, NULL, '2022-01-01'),
      (3, 'DataSet0002', 'only at the inactive pair', 'FinancialJuly', true, true, '2022-01-01'),
      (5, 'DataSet0003', '', 'Daily', true, true, '2022-01-01'), (6, 'DataSet0003', '', 'Daily', true, true, '2022-01-01'),
      (6, 'DataSet0003', 'inactive', 'Daily', false, false, '2022-01-01'), (5, '', 'without an id', 'Daily', true, true, '2022-01-01'),
      (5, '', 'without an id', 'Daily', true, true, '2022-01-01'), (12, 'DataSet0001', 'another pair''s', 'Daily', true, true, '2022-01-01'),
      (12, 'DataSet0001 ', 'nobody is active', 'Daily', false, NULL, '2022-01-01');
    INSERT INTO orgunits (integration_pair_id, dhis2_name, dhis2_id, dhis2_path, dhis2_parent, dhis2_level, priority, is_active) VALUES
      (5, '', 'Unit0000001', '', '', 0, NULL, true), (5, 'Bo', 'Unit0000001', '/Unit0000000/Unit0000001', 'Unit0000000', 2, 4, false),
      (3, 'Bo', 'Unit0000001', '', '', 2, 1, true), (6, 'שלום, 🏥', 'Unit0000002 ', '/Unit0000000/Unit0000002', '', 2, NULL, false),
      (3, 'only at the inactive pair', 'Unit0000003', '', '', 2, 7, true), (5, 'no id', DEFAULT, DEFAULT, DEFAULT, 1, 0, true),
      (5, 'no id', DEFAULT, DEFAULT, DEFAULT, 1, 0, true), (8, 'Bo', 'Unit0000001', '', '', 1, NULL, NULL);

    """#

  /// Rows that only a schema without constraints allows.
  private static let loose = #"""
    INSERT INTO integration_pair (id, source, destination, source_config, destination_config, source_orgunits_synced, is_active) VALUES
      (21, NULL, 'repo', NULL, NULL, NULL, NULL), (22, NULL, 'repo', NULL, NULL, NULL, true), (23, 'a', 'b', NULL, NULL, NULL, NULL),
      (24, 'a', 'b', '{"api_url": "https://a.example/api"}', '"text"', NULL, NULL);
    ALTER TABLE sync_datasets DROP CONSTRAINT sync_datasets_reporting_frequency_check;
    INSERT INTO sync_datasets (integration_pair_id, dataset_id, dataset_name, reporting_frequency, include_deleted, is_active) VALUES
      (NULL, 'DataSet0004', 'without a pair', NULL, true, true), (NULL, 'DataSet0004', 'without a pair', NULL, true, true),
      (23, NULL, 'without an id', NULL, true, true), (23, 'DataSet0005', NULL, 'monthly', NULL, NULL), (23, 'DataSet0005', 'x', '', true, NULL);
    INSERT INTO orgunits (integration_pair_id, dhis2_name, dhis2_id, dhis2_path, dhis2_parent, dhis2_level, priority, is_active) VALUES
      (NULL, 'nobody''s', 'Unit0000001', NULL, NULL, NULL, NULL, true), (23, NULL, 'Unit0000001', NULL, NULL, NULL, NULL, NULL);

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
    let add =
      "d2-pairs add new --source-url $A --source-pat env:P --destination-url $A --destination-pat env:P >/dev/null"
    for (what, command) in [("psql", psql), ("command", "d2-pairs upgrade >&2")] {
      for (number, store) in [
        try TestStore(.postgresql), try PythonStore.make(cascade: true), try PythonStore.make(Self.awkward),
        try PythonStore.make(Self.awkward + Self.loose, loose: true),
      ].enumerated() {
        let first = shell.run(
          number == 0 && what == "command" ? add : command, ["D2_STORE": store.location, "A": "https://a.example"])
        #expect(first.status == 0, "\(what): \(first.errors)")
        let differences = Self.differences(expected, try PythonStore.schemaLines(store))
        #expect(differences.isEmpty, "\(what): \(differences)")
        let data = try PythonStore.dataLines(store)
        let again = shell.run(
          "\(psql) && d2-pairs upgrade --quiet && d2-pairs list >/dev/null", ["D2_STORE": store.location])
        #expect(again.status == 0 && again.output.isEmpty && again.errors.isEmpty, "\(again.output)\(again.errors)")
        #expect(try PythonStore.dataLines(store) == data, "\(what): the second time changed something")
        #expect(try PythonStore.schemaLines(store) == expected, "\(what): the second time changed something")
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
          "3|hmis|repo|t|t", "8|Żółw|東京|t|f", "9|NULL|repo|f|f", "10|NULL|repo|t|f", "12|hmis|other|f|f", "13|1|2|t|f",
        ])
    // The whole configuration of the oldest active row, because credentials from two rows would not match. A row that
    // was never filled in has nothing to add.
    #expect(
      try store.rows("SELECT source_config, destination_config FROM integration_pair WHERE id = 3") == [
        #"{"api_url": "https://b.example/api", "username": "v", "ous_synced": "true"}|{"pat": "other", "api_url": "https://c.example/api", "datasets_synced": false}"#
      ])
    #expect(
      try store.rows(
        "SELECT integration_pair_id, dataset_id, dataset_name, reporting_frequency, include_deleted, is_active, synced_through, last_sync::date FROM sync_datasets ORDER BY dataset_id, id"
      ) == [
        "3|DataSet0001|Line one\nline \"two\", it's|Monthly|f|t|NULL|2020-01-01",
        "12|DataSet0001|another pair's|Daily|t|t|NULL|2022-01-01",
        "3|DataSet0002|only at the inactive pair|FinancialJuly|t|f|NULL|2022-01-01",
        "3|DataSet0003|inactive|Daily|t|t|NULL|2022-01-01",
        "3|NULL|without an id|Daily|t|t|NULL|2022-01-01", "3|NULL|without an id|Daily|t|t|NULL|2022-01-01",
      ])
    #expect(
      try store.rows(
        "SELECT integration_pair_id, dhis2_id, dhis2_name, dhis2_path, dhis2_parent, dhis2_level, priority, is_active, removed IS NULL FROM orgunits ORDER BY dhis2_id, id"
      ) == [
        "3|Unit0000001|Bo|/Unit0000000/Unit0000001|Unit0000000|2|NULL|t|t", "8|Unit0000001|Bo|NULL|NULL|1|NULL|NULL|t",
        "3|Unit0000002|שלום, 🏥|/Unit0000000/Unit0000002|NULL|2|NULL|f|t",
        // A unit that a user disabled also excludes all units below it. Nobody disabled this one.
        "3|Unit0000003|only at the inactive pair|NULL|NULL|2|7|f|f", "3|NULL|no id|NULL|NULL|1|0|t|t",
        "3|NULL|no id|NULL|NULL|1|0|t|t",
      ])
    // Every row that was changed for another is kept as it was.
    #expect(
      try store.rows(
        "SELECT table_name, row_id, into_id, integration_pair_id, content ->> 'is_active' FROM d2_folded ORDER BY table_name DESC, row_id"
      ) == [
        "sync_datasets|1|1|3|true", "sync_datasets|2|1|3|true", "sync_datasets|3|1|3|NULL", "sync_datasets|4|4|3|true",
        "sync_datasets|5|5|3|true", "sync_datasets|6|5|3|true", "sync_datasets|7|5|3|false",
        "sync_datasets|10|10|12|true",
        "sync_datasets|11|10|12|NULL", "orgunits|1|1|3|true", "orgunits|2|1|3|false", "orgunits|3|1|3|true",
        "orgunits|5|5|3|true", "integration_pair|3|3|3|false", "integration_pair|5|3|3|true",
        "integration_pair|6|3|3|true",
      ])
    #expect(
      try store.rows(
        "SELECT content -> 'source_config' ->> 'password' FROM d2_folded WHERE row_id = 3 AND table_name = 'integration_pair'"
      )
        == ["it's \"s3cret\" 🏥"])
    try Self.expectRules(store)
  }

  /// Numbers go on, every period type is taken, and nothing can be there twice.
  private static func expectRules(_ store: TestStore) throws {
    let database = try store.connect()
    let id = try database.rows("INSERT INTO integration_pair (source, destination) VALUES ('x', 'y') RETURNING id")[0]
      .int(0)
    #expect(id == 14)
    try database.execute(
      "INSERT INTO sync_datasets (integration_pair_id, dataset_id, reporting_frequency) VALUES (14, 'a', 'SixMonthlyNov')"
    )
    #expect(throws: StoreError.self) {
      try database.execute(
        "INSERT INTO sync_datasets (integration_pair_id, dataset_id, reporting_frequency) VALUES (14, 'b', 'Monthyl')")
    }
    for twice in [
      "integration_pair (source, destination) VALUES ('x', 'y')",
      "sync_datasets (integration_pair_id, dataset_id) VALUES (14, 'a')",
      "orgunits (integration_pair_id, dhis2_id) VALUES (3, 'Unit0000002')",
    ] { #expect(throws: StoreError.self) { try database.execute("INSERT INTO \(twice)") } }
  }

  @Test("several run it at once, with psql and through commands")
  func concurrent() throws {
    let expected = try Self.emptySchema()
    for store in [try PythonStore.make(), try PythonStore.make(Self.awkward)] {
      let shell = Shell(["SQL": PythonStore.integrator, "D2_STORE": store.location])
      let outcome = shell.run(
        """
        for i in 1 2 3 4; do
          psql -X -q -v ON_ERROR_STOP=1 -f $SQL "$D2_STORE" & d2-pairs upgrade >&2 &
        done
        status=0
        for job in $(jobs -p); do wait $job || status=$?; done
        exit $status
        """)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let differences = Self.differences(expected, try PythonStore.schemaLines(store))
      #expect(differences == "")
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

  // MARK: What is told, and when

  private static let folded = #"""
    INSERT INTO integration_pair (source, destination, source_config, is_active) VALUES
      ('hmis', 'repo', '{"api_url": "https://a.example/api", "password": "l1teral"}', true), ('hmis', 'repo', '{}', false);
    INSERT INTO sync_datasets (integration_pair_id, dataset_id, dataset_name, reporting_frequency, include_deleted, is_active) VALUES
      (1, 'DataSet0001', 'one', 'Monthly', false, true), (2, 'DataSet0001', 'two', 'Monthly', true, true),
      (1, 'DataSet0002', 'one', 'Monthly', true, false), (2, 'DataSet0003', 'three', 'Monthly', true, true);
    INSERT INTO orgunits (integration_pair_id, dhis2_id, dhis2_name, dhis2_level) VALUES
      (1, 'Unit0000001', 'one', 1), (1, 'Unit0000001', 'two', 2), (2, 'Unit0000002', 'three', 2);

    """#

  private static let told = [
    "pair 2 (hmis to repo, inactive) is folded into pair 1, which has the same two servers; the oldest active one decides the settings",
    "data set DataSet0001 of pair 1: row 2 (of an inactive pair) is folded into row 1; its include_deleted is not taken over",
    "data set DataSet0003 of pair 1: row 4 was of an inactive pair, and is inactive now",
    "organisation unit Unit0000001 of pair 1: row 2 (active) is folded into row 1",
    "organisation unit Unit0000002 of pair 1: row 3 was of an inactive pair, and is not pulled until d2-orgunits sync finds it at the source",
  ]

  @Test("what is folded is told, a line for each row, by psql and by the command that does it; nothing is told twice")
  func told() throws {
    for (command, mark) in [
      ("psql -X -q -v ON_ERROR_STOP=1 -f $SQL \"$D2_STORE\"", "WARNING:  "), ("d2-pairs upgrade", "d2-pairs: "),
      ("d2-datasets disable --pair hmis DataSet0001", "d2-datasets: "),
    ] {
      let store = try PythonStore.make(Self.folded)
      let shell = Shell(["SQL": PythonStore.integrator, "D2_STORE": store.location])
      let outcome = shell.run(command)
      let lines = outcome.errors.split(separator: "\n").compactMap { line in
        line.firstRange(of: mark).map { String(line[$0.upperBound...]) }
      }
      #expect(outcome.status == 0 && Array(lines.prefix(5)) == Self.told, "\(command): \(outcome.errors)")
      #expect(!outcome.errors.contains("l1teral"))
      let again = shell.run(command)
      #expect(again.status == 0 && !again.errors.contains("folded"), "\(again.errors)")
    }
  }

  @Test("who only looks changes nothing, sees what the upgrade would make, and is told how to make it")
  func looks() throws {
    let store = try PythonStore.make(Self.folded)
    let shell = Shell(["D2_STORE": store.location])
    let before = try (PythonStore.schemaLines(store), PythonStore.dataLines(store))
    for (command, expected) in [
      ("d2-pairs list | jq -c '[.id, .pair, .active]'", [#"[1,"hmis/repo",true]"#]),
      ("d2-pairs show hmis | jq .id", ["1"]),
      ("d2-orgunits list --pair 1 | jq -r .id", ["Unit0000001", "Unit0000002"]),
      (
        "d2-datasets list --pair 1 | jq -c '[.id, .active, .includeDeleted]'",
        [#"["DataSet0001",true,false]"#, #"["DataSet0002",false,true]"#, #"["DataSet0003",false,true]"#]
      ),
      ("d2-slices status --pair hmis", []), ("d2-slices list --pair hmis", []),
    ] {
      let outcome = shell.run(command)
      #expect(outcome.status == 0 && outcome.lines == expected, "\(command): \(outcome.output)\(outcome.errors)")
      #expect(
        outcome.errors.contains("d2-pairs upgrade turns them into d2's (--dry-run says what changes: 5 rows)")
          && !outcome.errors.contains("is folded"), "\(outcome.errors)")
    }
    // A dry run reports all of it.
    let dry = shell.run("d2-pairs upgrade --dry-run; d2-datasets enable --pair 1 DataSet0003 --dry-run")
    #expect(dry.status == 0 && Self.told.allSatisfy { dry.errors.contains($0) }, "\(dry.errors)")
    #expect(dry.errors.contains("1 data set"), "\(dry.errors)")
    #expect(try PythonStore.schemaLines(store) == before.0)
    #expect(try PythonStore.dataLines(store) == before.1)
  }

  @Test("an upgrade that fails changes nothing, tells nothing as done, and says why")
  func fails() throws {
    let store = try PythonStore.make(
      Self.folded + "CREATE TABLE theirs (unit integer REFERENCES orgunits (id)); INSERT INTO theirs VALUES (2);")
    let shell = Shell(["SQL": PythonStore.integrator, "D2_STORE": store.location])
    let before = try (PythonStore.schemaLines(store), PythonStore.dataLines(store))
    let outcome = shell.run("d2-pairs upgrade; echo $?; psql -X -q -v ON_ERROR_STOP=1 -f $SQL \"$D2_STORE\"; echo $?")
    #expect(outcome.lines == ["78", "3"], "\(outcome.errors)")
    #expect(
      outcome.errors.contains("cannot be brought up to date") && !outcome.errors.contains("folded"), "\(outcome.errors)"
    )
    #expect(try PythonStore.schemaLines(store) == before.0)
    #expect(try PythonStore.dataLines(store) == before.1)
  }

  @Test(
    "a database without tables gets none from who only looks",
    arguments: ["SELECT 1", "CREATE TABLE theirs (id integer)"])
  func nobodys(others: String) throws {
    let store = try TestStore(.postgresql)
    try store.connect().executeScript(others)
    let before = try PythonStore.schemaLines(store)
    let shell = Shell(["D2_STORE": store.location])
    for command in ["d2-pairs list", "d2-pairs upgrade", "d2-orgunits list --pair hmis", "d2-slices run --pair hmis"] {
      let outcome = shell.run(command)
      #expect(
        outcome.status == 78 && outcome.errors.contains("has no tables of d2 yet: d2-pairs add makes them"),
        "\(outcome.errors)")
    }
    #expect(try PythonStore.schemaLines(store) == before)
  }

  // MARK: Random databases

  @Test("random databases of the Python tool: nothing is lost, and nothing is turned on that no active row has")
  func random() throws {
    let store = try TestStore(.postgresql)
    for seed in 0..<60 {
      try store.connect().executeScript("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
      let database = try store.connect()
      try database.executeScript(PythonStore.schema(loose: true, cascade: seed % 2 == 0))
      var random = SeededGenerator(seed: UInt64(seed))
      let before = try RandomDatabase(filling: database, &random)
      _ = try store.open()
      let pairs = try checkPairs(database, before, "seed \(seed)")
      for (table, column) in RandomDatabase.tables {
        try checkRows(of: table, by: column, database, before, pairs, "seed \(seed)")
      }
      try checkFolded(database, before, "seed \(seed)")
      #expect(try database.rows("SELECT 1 FROM sync_datasets WHERE synced_through IS NOT NULL").isEmpty)
    }
  }

  /// Each pair exists once, active if one of its rows is, with the first settings that are not empty. Returns the
  /// labels by id.
  private func checkPairs(_ database: any Database, _ before: RandomDatabase, _ seed: String) throws -> [Int: String] {
    var found: [Int: String] = [:]
    for row in try database.rows(
      "SELECT id, source, destination, is_active, source_config, destination_config FROM integration_pair")
    {
      let label =
        row.text(1) != nil && row.text(2) != nil ? "\(row.text(1)!)/\(row.text(2)!)" : "alone \(row.int(0)! - 1)"
      #expect(!found.values.contains(label), "\(seed): \(label) twice")
      found[row.int(0)!] = label
      #expect((row.bool(3) ?? false) == before.active.contains(label), "\(seed): \(label)")
      let speakers = before.pairs.indices.filter { before.pairs[$0].label == label && before.speaks($0) }
      for end in 0...1 {
        let configs = speakers.map { before.pairs[$0].configs[end] }
        let filled = configs.first { $0?["api_url"]?.scalarText.map { !$0.isEmpty } ?? false }
        let got = try row.text(4 + end).map { try JSONValue(parsing: $0) }
        #expect(
          Self.sorted(got) == Self.sorted(filled ?? configs[0]),
          "\(seed): \(label): \(got?.text ?? "NULL") of \(configs.map { $0?.text ?? "NULL" })")
      }
    }
    #expect(Set(found.values) == Set(before.pairs.map(\.label)), "\(seed)")
    return found
  }

  /// Each data set or unit of a pair is there once, and active if a row of an active pair was.
  private func checkRows(
    of table: String, by column: String, _ database: any Database, _ before: RandomDatabase, _ pairs: [Int: String],
    _ seed: String
  ) throws {
    let flags = table == "orgunits" ? "FALSE" : "include_deleted"
    var others = 0
    var seen: Set<RandomDatabase.Row> = []
    for row in try database.rows("SELECT integration_pair_id, \(column), is_active, \(flags) FROM \(table)") {
      guard let pair = row.int(0), let uid = row.text(1) else {
        others += 1
        continue
      }
      let key = RandomDatabase.Row(pair: pairs[pair] ?? "?", uid: uid)
      #expect(seen.insert(key).inserted, "\(seed): \(key) twice")
      let rows = before.children[table]![key] ?? []
      let heard = rows.filter(\.isHeard)
      #expect((row.bool(2) ?? false) == !heard.isEmpty, "\(seed): \(key)")
      guard table == "sync_datasets" else { continue }
      let deletes = (heard.isEmpty ? rows : heard).allSatisfy(\.includesDeleted)
      #expect((row.bool(3) ?? false) == deletes, "\(seed): \(key): \(rows)")
    }
    #expect(seen == Set(before.children[table]!.keys), "\(seed): \(table)")
    #expect(others == before.loose[table, default: 0], "\(seed): \(table)")
  }

  /// Of the rows that were folded, none got lost.
  private func checkFolded(_ database: any Database, _ before: RandomDatabase, _ seed: String) throws {
    let twice = Dictionary(grouping: before.pairs.indices) { before.pairs[$0].label }.values
      .filter { $0.count > 1 }.flatMap { $0 }
    let kept = try database.rows("SELECT row_id FROM d2_folded WHERE table_name = 'integration_pair' ORDER BY row_id")
    #expect(kept.compactMap { $0.int(0) } == twice.map { $0 + 1 }.sorted(), "\(seed)")
    for (table, _) in RandomDatabase.tables {
      let lost = try database.rows(
        """
        SELECT count(DISTINCT row_id) FROM d2_folded WHERE table_name = '\(table)' AND row_id <> into_id
          AND NOT EXISTS (SELECT FROM \(table) t WHERE t.id = row_id)
        """)[0].int(0)!
      let count = try database.rows("SELECT count(*) FROM \(table)")[0].int(0)!
      let rows = before.children[table]!.values.reduce(0) { $0 + $1.count } + before.loose[table, default: 0]
      #expect(lost + count == rows, "\(seed): \(table)")
    }
  }

  /// A configuration by its keys, whose order PostgreSQL does not keep.
  private static func sorted(_ config: JSONValue?) -> [String] {
    (config?.members ?? []).map { "\($0.key)=\($0.value.text)" }.sorted()
  }
}

/// A random database of the Python tool, with several rows for one pair and one data set.
private struct RandomDatabase {
  struct Row: Hashable {
    let pair: String
    let uid: String
  }

  struct Child {
    /// Whether it and its pair are active, or no pair of that label is.
    let isHeard: Bool
    let includesDeleted: Bool
  }

  static let tables = [("sync_datasets", "dataset_id"), ("orgunits", "dhis2_id")]

  private(set) var pairs: [(label: String, isActive: Bool, configs: [JSONValue?])] = []
  private(set) var children: [String: [Row: [Child]]] = ["sync_datasets": [:], "orgunits": [:]]
  /// Rows without a pair or an id, by table.
  private(set) var loose: [String: Int] = [:]

  var active: Set<String> { Set(pairs.filter(\.isActive).map(\.label)) }

  /// Whether the settings of a row count.
  func speaks(_ pair: Int) -> Bool { pairs[pair].isActive || !active.contains(pairs[pair].label) }

  init(filling database: any Database, _ random: inout SeededGenerator) throws {
    for number in 0..<Int.random(in: 1...8, using: &random) { try addPair(number, database, &random) }
    for (table, column) in Self.tables {
      for _ in 0..<Int.random(in: 0...30, using: &random) { try addRow(table, column, database, &random) }
    }
  }

  private static func maybe<Value>(_ value: Value, _ random: inout SeededGenerator) -> Value? {
    Int.random(in: 0...4, using: &random) == 0 ? nil : value
  }

  private static func flag(_ random: inout SeededGenerator) -> Bool? {
    [true, false, nil].randomElement(using: &random)!
  }

  private static func value(_ flag: Bool?) -> SQLValue { flag.map { .bool($0) } ?? .null }

  private mutating func addPair(_ number: Int, _ database: any Database, _ random: inout SeededGenerator) throws {
    let source = Self.maybe("s\(Int.random(in: 0...1, using: &random))", &random)
    let destination = Self.maybe("d\(Int.random(in: 0...1, using: &random))", &random)
    let label = source != nil && destination != nil ? "\(source!)/\(destination!)" : "alone \(number)"
    let isActive = Self.flag(&random)
    var configs: [JSONValue?] = []
    for end in ["source", "destination"] {
      var config: [JSONValue.Member] = []
      for key in ["use_pat", "api_url", "pat", "odd \"key\" 🏥"] where Bool.random(using: &random) {
        config.append(.init(key, [.string("\(end) \(number)"), true, "", .null].randomElement(using: &random)!))
      }
      configs.append(Self.maybe(.object(config), &random))
    }
    pairs.append((label, isActive == true, configs))
    try database.execute(
      """
      INSERT INTO integration_pair (id, source, destination, source_config, destination_config,
        source_orgunits_synced, is_active)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      """,
      [
        .int(number + 1), SQLValue(source), SQLValue(destination), SQLValue(configs[0]?.text),
        SQLValue(configs[1]?.text), Self.value(Self.flag(&random)), Self.value(isActive),
      ])
  }

  private mutating func addRow(
    _ table: String, _ column: String, _ database: any Database, _ random: inout SeededGenerator
  ) throws {
    let pair = Self.maybe(Int.random(in: 0..<pairs.count, using: &random), &random)
    let uid = Self.maybe("u\(Int.random(in: 0...4, using: &random))", &random)
    let (isActive, includesDeleted) = (Self.flag(&random), Self.flag(&random))
    let isDataSet = table == "sync_datasets"
    let other = isDataSet ? "include_deleted" : "priority"
    try database.execute(
      "INSERT INTO \(table) (integration_pair_id, \(column), is_active, \(other)) VALUES ($1, $2, $3, $4)",
      [
        SQLValue(pair.map { $0 + 1 }), SQLValue(uid), Self.value(isActive),
        isDataSet ? Self.value(includesDeleted) : .null,
      ])
    if let pair, let uid {
      children[table]![Row(pair: pairs[pair].label, uid: uid), default: []].append(
        Child(isHeard: isActive == true && speaks(pair), includesDeleted: includesDeleted == true))
    } else {
      loose[table, default: 0] += 1
    }
  }
}
