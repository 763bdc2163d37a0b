-- The store of d2 in PostgreSQL: pairs of DHIS2 servers with their data sets and organisation units.
--
-- Run it on an empty database, on one of the Python tool (with data), or on one of d2: it ends the same and loses nothing.
-- The commands of d2 apply this very text by themselves:  psql -v ON_ERROR_STOP=1 -f integrator.sql
--
-- Tables and columns of the Python tool keep their names and types; what d2 needs besides is added. Rows that were inserted
-- twice are folded: the oldest stays, an active one speaks before an inactive one, and settings that it lacks come from the others.

BEGIN;

SET LOCAL client_min_messages = warning;

-- Several processes may come here at once: one goes on, the others wait and then find it done.
DO $$ BEGIN PERFORM pg_advisory_xact_lock(7232010, 1); END $$;

CREATE TABLE IF NOT EXISTS d2_schema (version integer NOT NULL, applied timestamptz NOT NULL DEFAULT current_timestamp);

DO $$
DECLARE
  found integer := (SELECT max(version) FROM d2_schema);
BEGIN
  IF found > 2 THEN
    RAISE EXCEPTION 'the schema has version %, made by a newer d2 than this one, which knows version 2: install the newer d2', found;
  END IF;
END $$;

CREATE TABLE IF NOT EXISTS integration_pair (id serial PRIMARY KEY);
ALTER TABLE integration_pair
  ADD COLUMN IF NOT EXISTS source text,
  ADD COLUMN IF NOT EXISTS destination text,
  ADD COLUMN IF NOT EXISTS source_config jsonb,
  ADD COLUMN IF NOT EXISTS destination_config jsonb,
  ADD COLUMN IF NOT EXISTS source_orgunits_synced boolean,
  ADD COLUMN IF NOT EXISTS is_active boolean DEFAULT false,
  ADD COLUMN IF NOT EXISTS created timestamptz DEFAULT current_timestamp,
  ADD COLUMN IF NOT EXISTS updated timestamptz DEFAULT current_timestamp,
  -- What --pair calls it; without one it is called source/destination.
  ADD COLUMN IF NOT EXISTS name text;

CREATE TABLE IF NOT EXISTS sync_datasets (
  id serial PRIMARY KEY, integration_pair_id integer REFERENCES integration_pair (id));
ALTER TABLE sync_datasets
  ADD COLUMN IF NOT EXISTS dataset_id text,
  ADD COLUMN IF NOT EXISTS dataset_name text,
  ADD COLUMN IF NOT EXISTS reporting_frequency text,
  ADD COLUMN IF NOT EXISTS include_deleted boolean DEFAULT false,
  ADD COLUMN IF NOT EXISTS is_active boolean DEFAULT true,
  -- Of the Python tool: the time of insertion, which says nothing about what was synced. synced_through does.
  ADD COLUMN IF NOT EXISTS last_sync timestamptz NOT NULL DEFAULT current_timestamp,
  ADD COLUMN IF NOT EXISTS created timestamptz DEFAULT current_timestamp,
  ADD COLUMN IF NOT EXISTS updated timestamptz DEFAULT current_timestamp,
  ADD COLUMN IF NOT EXISTS dataset_code text,
  ADD COLUMN IF NOT EXISTS open_future_periods integer NOT NULL DEFAULT 0,
  -- Everything that the source had up to this time, by the source's clock, is at the destination.
  ADD COLUMN IF NOT EXISTS synced_through timestamptz,
  -- When the last run that moved it was planned, in milliseconds since 1970 by the database's clock: organisation units that became
  -- active later are not in it.
  ADD COLUMN IF NOT EXISTS covered_at bigint,
  -- The same two of complete data set registrations.
  ADD COLUMN IF NOT EXISTS registrations_through timestamptz,
  ADD COLUMN IF NOT EXISTS registrations_covered_at bigint,
  -- When the source was found to lack it; NULL where it has it, or where a person made it inactive.
  ADD COLUMN IF NOT EXISTS removed timestamptz;

CREATE TABLE IF NOT EXISTS orgunits (
  id serial PRIMARY KEY, integration_pair_id integer REFERENCES integration_pair (id));
ALTER TABLE orgunits
  ADD COLUMN IF NOT EXISTS dhis2_name text,
  ADD COLUMN IF NOT EXISTS dhis2_id varchar(12),
  ADD COLUMN IF NOT EXISTS dhis2_path text,
  ADD COLUMN IF NOT EXISTS dhis2_parent text,
  ADD COLUMN IF NOT EXISTS dhis2_level integer,
  ADD COLUMN IF NOT EXISTS priority integer,
  ADD COLUMN IF NOT EXISTS is_active boolean DEFAULT true,
  ADD COLUMN IF NOT EXISTS created timestamptz DEFAULT current_timestamp,
  ADD COLUMN IF NOT EXISTS updated timestamptz DEFAULT current_timestamp,
  ADD COLUMN IF NOT EXISTS dhis2_code text,
  ADD COLUMN IF NOT EXISTS removed timestamptz,
  -- When it last became active, as covered_at.
  ADD COLUMN IF NOT EXISTS active_since bigint NOT NULL DEFAULT 0;

-- Columns that were there may lack the defaults that they have here.
ALTER TABLE integration_pair
  ALTER COLUMN is_active SET DEFAULT false,
  ALTER COLUMN created SET DEFAULT current_timestamp,
  ALTER COLUMN updated SET DEFAULT current_timestamp;
ALTER TABLE sync_datasets
  ALTER COLUMN include_deleted SET DEFAULT false,
  ALTER COLUMN is_active SET DEFAULT true,
  ALTER COLUMN last_sync SET DEFAULT current_timestamp,
  ALTER COLUMN created SET DEFAULT current_timestamp,
  ALTER COLUMN updated SET DEFAULT current_timestamp;
ALTER TABLE orgunits
  ALTER COLUMN is_active SET DEFAULT true,
  ALTER COLUMN created SET DEFAULT current_timestamp,
  ALTER COLUMN updated SET DEFAULT current_timestamp;

-- Every period type of DHIS2 may be a reporting frequency.
DO $$
DECLARE
  old record;
BEGIN
  FOR old IN
    SELECT c.conname FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
    WHERE c.conrelid = 'sync_datasets'::regclass AND c.contype = 'c' AND a.attname = 'reporting_frequency'
      AND c.conname <> 'sync_datasets_period_type'
  LOOP
    EXECUTE format('ALTER TABLE sync_datasets DROP CONSTRAINT %I', old.conname);
  END LOOP;
  IF NOT EXISTS (
    SELECT FROM pg_constraint WHERE conrelid = 'sync_datasets'::regclass AND conname = 'sync_datasets_period_type'
  ) THEN
    ALTER TABLE sync_datasets ADD CONSTRAINT sync_datasets_period_type CHECK (reporting_frequency IN (
      'Daily', 'Weekly', 'WeeklyWednesday', 'WeeklyThursday', 'WeeklyFriday', 'WeeklySaturday', 'WeeklySunday', 'BiWeekly',
      'Monthly', 'BiMonthly', 'Quarterly', 'QuarterlyNov', 'SixMonthly', 'SixMonthlyApril', 'SixMonthlyNov', 'Yearly',
      'TwoYearly', 'FinancialFeb', 'FinancialApril', 'FinancialJuly', 'FinancialAug', 'FinancialSep', 'FinancialOct',
      'FinancialNov'));
  END IF;
END $$;

-- Pairs of the same two servers become one: the oldest. What hangs on the others is hung on it.
DO $$
DECLARE
  pair record;
  other record;
BEGIN
  FOR pair IN
    SELECT source, destination, min(id) AS id FROM integration_pair
    WHERE source IS NOT NULL AND destination IS NOT NULL GROUP BY source, destination HAVING count(*) > 1
  LOOP
    -- The last one merged speaks first: the oldest of the active ones.
    UPDATE integration_pair k SET (source_config, destination_config, source_orgunits_synced, is_active, name) = (
      SELECT m.source_config, m.destination_config, m.synced, m.active, m.name FROM (
        SELECT
          (SELECT jsonb_object_agg(key, value) FROM (
            SELECT DISTINCT ON (e.key) e.key, e.value FROM integration_pair p, jsonb_each(
              CASE jsonb_typeof(p.source_config) WHEN 'object' THEN CASE
                WHEN p.source_config ? 'use_pat' OR NOT p.source_config ?| ARRAY['username', 'pat'] OR NOT EXISTS (
                  SELECT FROM integration_pair q WHERE q.source = pair.source AND q.destination = pair.destination
                    AND q.source_config ? 'use_pat') THEN '{}'
                -- What it does without saying so must not be overruled by another row.
                ELSE jsonb_build_object('use_pat', coalesce(p.source_config ->> 'username', '') = '') END || p.source_config
              ELSE '{}' END) e
            WHERE p.source = pair.source AND p.destination = pair.destination
            ORDER BY e.key, e.value = 'null', p.is_active IS NOT TRUE, p.id) s) AS source_config,
          (SELECT jsonb_object_agg(key, value) FROM (
            SELECT DISTINCT ON (e.key) e.key, e.value FROM integration_pair p, jsonb_each(
              CASE jsonb_typeof(p.destination_config) WHEN 'object' THEN CASE
                WHEN p.destination_config ? 'use_pat' OR NOT p.destination_config ?| ARRAY['username', 'pat'] OR NOT EXISTS (
                  SELECT FROM integration_pair q WHERE q.source = pair.source AND q.destination = pair.destination
                    AND q.destination_config ? 'use_pat') THEN '{}'
                -- What it does without saying so must not be overruled by another row.
                ELSE jsonb_build_object('use_pat', coalesce(p.destination_config ->> 'username', '') = '') END || p.destination_config
              ELSE '{}' END) e
            WHERE p.source = pair.source AND p.destination = pair.destination
            ORDER BY e.key, e.value = 'null', p.is_active IS NOT TRUE, p.id) d) AS destination_config,
          bool_or(p.source_orgunits_synced) AS synced, bool_or(p.is_active) AS active,
          (array_agg(p.name ORDER BY p.name IS NULL, p.id))[1] AS name
        FROM integration_pair p WHERE p.source = pair.source AND p.destination = pair.destination) m)
    WHERE k.id = pair.id;
    FOR other IN
      SELECT id FROM integration_pair
      WHERE source = pair.source AND destination = pair.destination AND id <> pair.id
    LOOP
      UPDATE sync_datasets SET integration_pair_id = pair.id WHERE integration_pair_id = other.id;
      UPDATE orgunits SET integration_pair_id = pair.id WHERE integration_pair_id = other.id;
      DELETE FROM integration_pair WHERE id = other.id;
    END LOOP;
  END LOOP;
END $$;

-- A data set that was inserted twice for a pair.
WITH twice AS (
  SELECT integration_pair_id AS pair, dataset_id AS uid, min(id) AS id,
    (array_agg(dataset_name ORDER BY dataset_name IS NULL, is_active IS NOT TRUE, id))[1] AS name,
    (array_agg(dataset_code ORDER BY dataset_code IS NULL, is_active IS NOT TRUE, id))[1] AS code,
    (array_agg(reporting_frequency ORDER BY reporting_frequency IS NULL, is_active IS NOT TRUE, id))[1] AS frequency,
    bool_or(include_deleted) AS include_deleted, bool_or(is_active) AS is_active, min(synced_through) AS synced_through
  FROM sync_datasets WHERE integration_pair_id IS NOT NULL AND dataset_id IS NOT NULL
  GROUP BY integration_pair_id, dataset_id HAVING count(*) > 1
)
UPDATE sync_datasets k SET dataset_name = t.name, dataset_code = t.code, reporting_frequency = t.frequency,
  include_deleted = t.include_deleted, is_active = t.is_active, synced_through = t.synced_through
FROM twice t WHERE k.id = t.id;
DELETE FROM sync_datasets d USING sync_datasets k
WHERE k.integration_pair_id = d.integration_pair_id AND k.dataset_id = d.dataset_id AND k.id < d.id;

-- An organisation unit that was inserted twice for a pair.
WITH twice AS (
  SELECT integration_pair_id AS pair, dhis2_id AS uid, min(id) AS id,
    (array_agg(dhis2_name ORDER BY dhis2_name IS NULL, is_active IS NOT TRUE, id))[1] AS name,
    (array_agg(dhis2_code ORDER BY dhis2_code IS NULL, is_active IS NOT TRUE, id))[1] AS code,
    (array_agg(dhis2_path ORDER BY dhis2_path IS NULL, is_active IS NOT TRUE, id))[1] AS path,
    (array_agg(dhis2_parent ORDER BY dhis2_parent IS NULL, is_active IS NOT TRUE, id))[1] AS parent,
    (array_agg(dhis2_level ORDER BY dhis2_level IS NULL, is_active IS NOT TRUE, id))[1] AS level,
    (array_agg(priority ORDER BY priority IS NULL, is_active IS NOT TRUE, id))[1] AS priority,
    bool_or(is_active) AS is_active
  FROM orgunits WHERE integration_pair_id IS NOT NULL AND dhis2_id IS NOT NULL
  GROUP BY integration_pair_id, dhis2_id HAVING count(*) > 1
)
UPDATE orgunits k SET dhis2_name = t.name, dhis2_code = t.code, dhis2_path = t.path, dhis2_parent = t.parent,
  dhis2_level = t.level, priority = t.priority, is_active = t.is_active
FROM twice t WHERE k.id = t.id;
DELETE FROM orgunits d USING orgunits k
WHERE k.integration_pair_id = d.integration_pair_id AND k.dhis2_id = d.dhis2_id AND k.id < d.id;

CREATE UNIQUE INDEX IF NOT EXISTS integration_pair_servers ON integration_pair (source, destination);
CREATE UNIQUE INDEX IF NOT EXISTS integration_pair_name ON integration_pair (name) WHERE name IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS sync_datasets_once ON sync_datasets (integration_pair_id, dataset_id);
CREATE UNIQUE INDEX IF NOT EXISTS orgunits_once ON orgunits (integration_pair_id, dhis2_id);

-- The ledger. Times are milliseconds since 1970 by the database's clock, the only one that all workers share.

-- What a data set's slices must all be done for, before its synced_through moves.
CREATE TABLE IF NOT EXISTS sync_windows (
  id serial PRIMARY KEY,
  integration_pair_id integer NOT NULL REFERENCES integration_pair (id),
  dataset_id text NOT NULL,
  -- values or registrations.
  kind text NOT NULL DEFAULT 'values',
  -- The source's clock when it was planned: what was stored later belongs to the next window.
  until timestamptz NOT NULL,
  planned bigint NOT NULL,
  -- Whether it covers all units that were active.
  is_whole boolean NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'superseded')));
CREATE INDEX IF NOT EXISTS sync_windows_open ON sync_windows (integration_pair_id, dataset_id) WHERE state = 'open';

CREATE TABLE IF NOT EXISTS slices (
  id serial PRIMARY KEY,
  integration_pair_id integer NOT NULL REFERENCES integration_pair (id),
  window_id integer REFERENCES sync_windows (id),
  -- values or registrations.
  kind text NOT NULL DEFAULT 'values',
  dataset_id text NOT NULL,
  -- 202401, or first..last of some days or weeks, or empty: all time.
  periods text NOT NULL,
  -- What changed since; empty: everything.
  since text NOT NULL DEFAULT '',
  -- Uids with commas between.
  orgunits text NOT NULL,
  children boolean NOT NULL,
  -- The plan that wanted it last, where it has a name.
  plan text,
  include_deleted boolean NOT NULL DEFAULT false,
  -- Smaller is earlier; then the newest period.
  rank integer NOT NULL,
  newest integer NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (
    state IN ('waiting', 'leased', 'retry', 'done', 'refused', 'failed')),
  verified boolean NOT NULL DEFAULT false,
  worker text,
  token text,
  lease_until bigint,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt bigint,
  started bigint,
  finished bigint,
  last_status integer,
  last_error text,
  -- Of the attempt that counts: what was read, and what became of it.
  pulled bigint, pushed bigint, imported bigint, updated bigint, ignored bigint, deleted bigint, refused bigint,
  not_sent bigint, queued bigint, wire_bytes bigint,
  reasons text,
  rejects text);
-- Version 1 did not know refused.
DO $$ BEGIN
  IF EXISTS (
    SELECT FROM pg_constraint WHERE conrelid = 'slices'::regclass AND conname = 'slices_state_check'
      AND pg_get_constraintdef(oid) NOT LIKE '%refused%'
  ) THEN
    ALTER TABLE slices DROP CONSTRAINT slices_state_check;
    ALTER TABLE slices ADD CONSTRAINT slices_state_check CHECK (
      state IN ('waiting', 'leased', 'retry', 'done', 'refused', 'failed'));
  END IF;
END $$;
CREATE UNIQUE INDEX IF NOT EXISTS slices_once
  ON slices (integration_pair_id, dataset_id, periods, orgunits, children, since, kind);
-- The next one is the first of an index, whatever else there is.
CREATE INDEX IF NOT EXISTS slices_newest ON slices (integration_pair_id, rank, newest DESC, id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS slices_oldest ON slices (integration_pair_id, rank, newest, id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS slices_leased ON slices (lease_until) WHERE state = 'leased';
CREATE INDEX IF NOT EXISTS slices_retry ON slices (next_attempt) WHERE state = 'retry';
CREATE INDEX IF NOT EXISTS slices_window ON slices (window_id) WHERE window_id IS NOT NULL;

INSERT INTO d2_schema (version) SELECT 2 WHERE NOT EXISTS (SELECT FROM d2_schema WHERE version = 2);

COMMIT;
