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
  covered_at integer,
  registrations_through text,
  registrations_covered_at integer,
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
  removed text,
  active_since integer NOT NULL DEFAULT 0);

CREATE UNIQUE INDEX IF NOT EXISTS integration_pair_servers ON integration_pair (source, destination);
CREATE UNIQUE INDEX IF NOT EXISTS integration_pair_name ON integration_pair (name) WHERE name IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS sync_datasets_once ON sync_datasets (integration_pair_id, dataset_id);
CREATE UNIQUE INDEX IF NOT EXISTS orgunits_once ON orgunits (integration_pair_id, dhis2_id);

CREATE TABLE IF NOT EXISTS sync_windows (
  id integer PRIMARY KEY AUTOINCREMENT,
  integration_pair_id integer NOT NULL REFERENCES integration_pair (id),
  dataset_id text NOT NULL,
  kind text NOT NULL DEFAULT 'values',
  until text NOT NULL,
  planned integer NOT NULL,
  is_whole boolean NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'superseded')));
CREATE INDEX IF NOT EXISTS sync_windows_open ON sync_windows (integration_pair_id, dataset_id) WHERE state = 'open';

CREATE TABLE IF NOT EXISTS slices (
  id integer PRIMARY KEY AUTOINCREMENT,
  integration_pair_id integer NOT NULL REFERENCES integration_pair (id),
  window_id integer REFERENCES sync_windows (id),
  kind text NOT NULL DEFAULT 'values',
  dataset_id text NOT NULL,
  periods text NOT NULL,
  since text NOT NULL DEFAULT '',
  orgunits text NOT NULL,
  children boolean NOT NULL,
  plan text,
  include_deleted boolean NOT NULL DEFAULT false,
  rank integer NOT NULL,
  newest integer NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (
    state IN ('waiting', 'leased', 'retry', 'done', 'refused', 'failed')),
  verified boolean NOT NULL DEFAULT false,
  worker text,
  token text,
  lease_until integer,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt integer,
  started integer,
  finished integer,
  last_status integer,
  last_error text,
  pulled integer, pushed integer, imported integer, updated integer, ignored integer, deleted integer, refused integer,
  not_sent integer, queued integer, wire_bytes integer,
  reasons text,
  rejects text,
  replaces text,
  removed integer,
  -- Attempts that failed; attempts also counts those whose worker died.
  failures integer NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS slices_once
  ON slices (integration_pair_id, dataset_id, periods, orgunits, children, since, kind);
CREATE INDEX IF NOT EXISTS slices_newest ON slices (integration_pair_id, rank, newest DESC, id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS slices_oldest ON slices (integration_pair_id, rank, newest, id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS slices_leased ON slices (lease_until) WHERE state = 'leased';
CREATE INDEX IF NOT EXISTS slices_retry ON slices (next_attempt) WHERE state = 'retry';
CREATE INDEX IF NOT EXISTS slices_window ON slices (window_id) WHERE window_id IS NOT NULL;

INSERT INTO d2_schema (version) SELECT 4 WHERE NOT EXISTS (SELECT 1 FROM d2_schema WHERE version = 4);
