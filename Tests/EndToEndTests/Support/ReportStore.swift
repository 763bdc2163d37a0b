import D2Client
import D2Common
import D2Store

/// A store with a pair. A test fills it with slices by SQL, as fast as the database can.
struct ReportStore {
  let shell = Shell()
  private let store: Store

  init(name: String = "hmis", source: String = "source", destination: String = "destination") throws {
    store = try Store(.sqlite(path: shell.folder + "/store"), StoreAccess(creates: true))
    _ = try store.add(
      name: name,
      source: ConfiguredServer(
        name: source, settings: ["api_url": "https://source.example/api", "username": "u", "password": "sesame-1"]),
      destination: ConfiguredServer(name: destination, settings: ["pat": "d2pat_sesame-2"]), isActive: true)
  }

  /// Adds a data set to the pair.
  func add(dataSet uid: String, name: String, syncedThrough: String? = nil) throws {
    try store.database.execute(
      """
      INSERT INTO sync_datasets (integration_pair_id, dataset_id, dataset_name, reporting_frequency, synced_through)
      VALUES (1, $1, $2, 'Monthly', $3)
      """, [.text(uid), .text(name), SQLValue(syncedThrough)])
  }

  /// Adds this many slices: of data sets `set0` to `set19`, by month from January 2017 on, by unit. Of a hundred, 58
  /// are verified, done or refused, one is parked, and one waits for a retry.
  func fill(_ count: Int) throws {
    for set in 0..<20 { try add(dataSet: "set\(set)", name: "Data set \(set)") }
    try store.database.execute(
      """
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
      INSERT INTO slices (integration_pair_id, dataset_id, periods, orgunits, children, rank, newest, state, verified,
        attempts, started, finished, last_status, last_error, pulled, imported, refused, reasons, rejects)
      SELECT 1, 'set' || (i % 20), (2017 + i / 20 % 96 / 12) || substr('0' || (1 + i / 20 % 12), -2), 'unit' || (i / 1920), 1,
        1, 17000 + i / 20 % 96 * 30,
        CASE WHEN i % 100 < 58 THEN 'done' WHEN i % 100 = 58 THEN 'failed' WHEN i % 100 = 59 THEN 'retry' ELSE 'waiting' END,
        i % 100 < 20, 1, 1764000000000 + i * 300, 1764000000000 + i * 300 + i % 977 * 100, 0,
        CASE WHEN i % 100 IN (58, 59) THEN 'd2-push: 409: unit `u' || i || '` is closed' END, 100, 97,
        CASE WHEN i % 100 = 57 THEN 3 END,
        CASE WHEN i % 100 = 57 THEN '[{"reason":"E7612 not found: `u' || i || '`","count":3}]' END,
        CASE WHEN i % 100 = 57 THEN '/rejects/slice-' || i || '.ndjson' END
      FROM n
      """, [.int(count)])
  }

  /// Writes one slice with the columns that matter to the test, as SQL.
  func add(slice columns: [String: SQLValue]) throws {
    let all = [
      "integration_pair_id": .int(1), "orgunits": .text("unit"), "children": .bool(true), "rank": .int(1),
      "newest": .int(19_000),
    ].merging(columns) { $1 }.sorted { $0.key < $1.key }
    try store.database.execute(
      """
      INSERT INTO slices (\(all.map(\.key).joined(separator: ", ")))
      VALUES (\(all.indices.map { "$\($0 + 1)" }.joined(separator: ", ")))
      """, all.map(\.value))
  }
}
