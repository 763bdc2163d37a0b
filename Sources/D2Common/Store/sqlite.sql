-- The store of d2 in SQLite: the tables of integrator.sql. Times are text in UTC.

CREATE TABLE IF NOT EXISTS d2_schema (version integer NOT NULL, applied text NOT NULL DEFAULT current_timestamp);

CREATE TABLE IF NOT EXISTS integration_pair (
  id integer PRIMARY KEY AUTOINCREMENT,
  source text,
  destination text,
  source_config text,
  destination_config text,
  source_orgunits_synced boolean,
  is_active boolean DEFAULT false,
  created text DEFAULT current_timestamp,
  updated text DEFAULT current_timestamp,
  name text);

CREATE TABLE IF NOT EXISTS sync_datasets (
  id integer PRIMARY KEY AUTOINCREMENT,
  integration_pair_id integer REFERENCES integration_pair (id),
  dataset_id text,
  dataset_name text,
  reporting_frequency text,
  include_deleted boolean DEFAULT false,
  is_active boolean DEFAULT true,
  last_sync text NOT NULL DEFAULT current_timestamp,
  created text DEFAULT current_timestamp,
  updated text DEFAULT current_timestamp,
  dataset_code text,
  open_future_periods integer NOT NULL DEFAULT 0,
  synced_through text,
  removed text);

CREATE TABLE IF NOT EXISTS orgunits (
  id integer PRIMARY KEY AUTOINCREMENT,
  integration_pair_id integer REFERENCES integration_pair (id),
  dhis2_name text,
  dhis2_id text,
  dhis2_path text,
  dhis2_parent text,
  dhis2_level integer,
  priority integer,
  is_active boolean DEFAULT true,
  created text DEFAULT current_timestamp,
  updated text DEFAULT current_timestamp,
  dhis2_code text,
  removed text);

CREATE UNIQUE INDEX IF NOT EXISTS integration_pair_servers ON integration_pair (source, destination);
CREATE UNIQUE INDEX IF NOT EXISTS integration_pair_name ON integration_pair (name) WHERE name IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS sync_datasets_once ON sync_datasets (integration_pair_id, dataset_id);
CREATE UNIQUE INDEX IF NOT EXISTS orgunits_once ON orgunits (integration_pair_id, dhis2_id);

INSERT INTO d2_schema (version) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM d2_schema WHERE version = 1);
