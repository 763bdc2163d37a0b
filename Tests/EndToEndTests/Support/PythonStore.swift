import D2Common
import TestSupport

/// A PostgreSQL database as the Python tool made it.
enum PythonStore {
  /// - Parameter cascade: whether a pair takes its rows with it.
  static func schema(cascade: Bool = false, defaults: Bool = false) -> String {
    let reference = "integer REFERENCES integration_pair (id)" + (cascade ? " ON DELETE CASCADE" : "")
    let stamp = "timestamptz" + (defaults ? " DEFAULT current_timestamp" : "")
    return """
      CREATE TABLE integration_pair (
        id serial PRIMARY KEY, source text, destination text, source_config jsonb, destination_config jsonb,
        source_orgunits_synced boolean, is_active boolean DEFAULT false, created \(stamp), updated \(stamp));
      CREATE TABLE sync_datasets (
        id serial PRIMARY KEY, integration_pair_id \(reference), dataset_id text, dataset_name text,
        reporting_frequency text CHECK (
          reporting_frequency IN ('Daily', 'Weekly', 'Monthly', 'Quarterly', 'Yearly', 'FinancialJuly')),
        include_deleted boolean DEFAULT false, is_active boolean DEFAULT true,
        last_sync timestamptz NOT NULL DEFAULT current_timestamp, created \(stamp), updated \(stamp));
      CREATE TABLE orgunits (
        id serial PRIMARY KEY, integration_pair_id \(reference), dhis2_name text, dhis2_id varchar(12), dhis2_path text,
        dhis2_parent text, dhis2_level integer, priority integer, is_active boolean DEFAULT true, created \(stamp),
        updated \(stamp));
      """
  }

  static func make(_ more: String = "", cascade: Bool = false, defaults: Bool = false) throws -> TestStore {
    let store = try TestStore(.postgresql)
    try store.connect().executeScript(schema(cascade: cascade, defaults: defaults) + more)
    return store
  }

  /// integrator.sql at the top of the package.
  static let integrator = String(#filePath.prefix(upTo: #filePath.range(ofLast: "/Tests/"))) + "/integrator.sql"

  /// All that a schema consists of, a line each. What a pair takes with it stays as it was made.
  static func schemaLines(_ store: TestStore) throws -> [String] {
    try store.rows(
      """
      SELECT 'column', table_name, column_name, ordinal_position::text, data_type, character_maximum_length::text,
        is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'public'
      UNION ALL
      SELECT 'constraint', conrelid::regclass::text, conname, contype::text,
        replace(pg_get_constraintdef(oid), ' ON DELETE CASCADE', ''), NULL, NULL, NULL
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
      UNION ALL
      SELECT 'index', tablename, indexname, indexdef, NULL, NULL, NULL, NULL FROM pg_indexes WHERE schemaname = 'public'
      UNION ALL
      SELECT 'sequence', sequencename, data_type::text, start_value::text, increment_by::text, NULL, NULL, NULL
      FROM pg_sequences WHERE schemaname = 'public'
      ORDER BY 1, 2, 3, 4
      """)
  }

  /// Every row of our tables, but for the schema's own.
  static func dataLines(_ store: TestStore) throws -> [String] {
    try ["integration_pair", "sync_datasets", "orgunits"].flatMap { table in
      try store.rows("SELECT '\(table)', to_jsonb(t)::text FROM \(table) t ORDER BY t.id")
    }
  }
}

extension String {
  fileprivate func range(ofLast needle: String) -> Index {
    var found = startIndex
    var at = startIndex
    while at < endIndex {
      if self[at...].hasPrefix(needle) { found = at }
      at = index(after: at)
    }
    return found
  }
}
