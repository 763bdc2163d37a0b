import D2Common
import TestSupport

/// A PostgreSQL database as the Python tool created it.
enum PythonStore {
  /// The tool's own schema, column by column.
  ///
  /// - Parameters:
  ///   - loose: whether the constraints were removed, so that all columns may be NULL.
  ///   - cascade: whether deleting a pair deletes its rows.
  static func schema(loose: Bool = false, cascade: Bool = false) -> String {
    let schema = """
      CREATE TABLE integration_pair (
        id serial PRIMARY KEY NOT NULL, source text NOT NULL, destination text NOT NULL,
        source_config jsonb NOT NULL DEFAULT '{}'::jsonb, destination_config jsonb NOT NULL DEFAULT '{}'::jsonb,
        source_orgunits_synced boolean NOT NULL DEFAULT false, is_active boolean NOT NULL DEFAULT false,
        created timestamptz NOT NULL DEFAULT current_timestamp, updated timestamptz NOT NULL DEFAULT current_timestamp);
      CREATE TABLE sync_datasets (
        id serial PRIMARY KEY NOT NULL, integration_pair_id integer NOT NULL REFERENCES integration_pair (id),
        dataset_id text NOT NULL, dataset_name text NOT NULL,
        reporting_frequency text NOT NULL CHECK (
          reporting_frequency IN ('Daily', 'Weekly', 'Monthly', 'Quarterly', 'Yearly', 'FinancialJuly')),
        include_deleted boolean DEFAULT false, is_active boolean DEFAULT true,
        last_sync timestamptz NOT NULL DEFAULT current_timestamp,
        created timestamptz NOT NULL DEFAULT current_timestamp, updated timestamptz NOT NULL DEFAULT current_timestamp);
      CREATE TABLE orgunits (
        id serial PRIMARY KEY NOT NULL, integration_pair_id integer NOT NULL REFERENCES integration_pair (id),
        dhis2_name text NOT NULL, dhis2_id varchar(12) NOT NULL DEFAULT '', dhis2_path text NOT NULL DEFAULT '',
        dhis2_parent text NOT NULL DEFAULT '', dhis2_level integer NOT NULL, priority integer,
        is_active boolean DEFAULT true,
        created timestamptz NOT NULL DEFAULT current_timestamp, updated timestamptz NOT NULL DEFAULT current_timestamp);

      """
    let cascading = cascade ? schema.replacing("(id),", with: "(id) ON DELETE CASCADE,") : schema
    guard loose else { return cascading }
    return cascading.replacing("PRIMARY KEY NOT NULL", with: "PRIMARY KEY").replacing(" NOT NULL", with: "")
      .replacing("last_sync timestamptz", with: "last_sync timestamptz NOT NULL")
  }

  static func make(_ more: String = "", loose: Bool = false, cascade: Bool = false) throws -> TestStore {
    let store = try TestStore(.postgresql)
    try store.connect().executeScript(schema(loose: loose, cascade: cascade) + more)
    return store
  }

  /// The path of integrator.sql, in the package's top folder.
  static let integrator = String(#filePath.prefix(upTo: #filePath.range(ofLast: "/Tests/"))) + "/integrator.sql"

  /// The definition of a schema, as lines. The cascades of a pair stay as they were created.
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

  /// All rows of d2's tables, except the schema's own.
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
