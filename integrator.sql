-- The store of d2 in PostgreSQL: pairs of DHIS2 servers with their data sets and organisation units.
--
-- Run it on an empty database, on one of the Python tool (with data), or on one of d2: it ends the same and loses
-- nothing.
-- The commands of d2 apply this very text by themselves:  psql -v ON_ERROR_STOP=1 -f integrator.sql
--
-- Tables and columns of the Python tool keep their names and types; what d2 needs besides is added, and constraints
-- that d2 cannot keep are dropped. Rows that were inserted twice are folded: the oldest row stays, with the settings of
-- the oldest active one. Rows that are folded stay in d2_folded as they were, and at the end a warning names each of
-- them.

BEGIN;

SET LOCAL client_min_messages = warning;

-- Several processes may come here at once: one goes on, the others wait and then find it done.
DO $$ BEGIN PERFORM pg_advisory_xact_lock(7232010, 1); END $$;

CREATE TABLE IF NOT EXISTS d2_schema (version integer NOT NULL, applied timestamptz NOT NULL DEFAULT current_timestamp);

DO $$
DECLARE
  found integer := (SELECT max(version) FROM d2_schema);
BEGIN
  IF found > 4 THEN
    RAISE EXCEPTION
      'the schema has version %, made by a newer d2 than this one, which knows version 4: install the newer d2', found;
  END IF;
END $$;

CREATE TABLE IF NOT EXISTS integration_pair (id serial PRIMARY KEY);
ALTER TABLE integration_pair
  ADD COLUMN IF NOT EXISTS source text,
  ADD COLUMN IF NOT EXISTS destination text,
  ADD COLUMN IF NOT EXISTS source_config jsonb DEFAULT '{}'::jsonb,
  ADD COLUMN IF NOT EXISTS destination_config jsonb DEFAULT '{}'::jsonb,
  ADD COLUMN IF NOT EXISTS source_orgunits_synced boolean DEFAULT false,
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
  -- When the last run that moved it was planned, in milliseconds since 1970 by the database's clock: organisation units
  -- that became active later are not in it.
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

-- The Python tool wanted a value in nearly every column. d2 leaves out what a server does not say: the root unit has no
-- parent.
DO $$
DECLARE
  old record;
BEGIN
  FOR old IN
    SELECT a.attrelid::regclass AS owner, a.attname AS name FROM pg_attribute a
    WHERE a.attrelid IN ('integration_pair'::regclass, 'sync_datasets'::regclass, 'orgunits'::regclass)
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND a.attidentity = '' AND a.attgenerated = ''
      AND NOT EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey))
      -- What d2 always fills, or what a column that d2 does not know fills by itself.
      AND a.attname NOT IN ('last_sync', 'open_future_periods', 'active_since')
      AND (NOT a.atthasdef OR a.attname IN ('source', 'destination', 'source_config', 'destination_config',
        'source_orgunits_synced', 'is_active', 'created', 'updated', 'integration_pair_id', 'dataset_id',
        'dataset_name',
        'reporting_frequency', 'include_deleted', 'dhis2_name', 'dhis2_id', 'dhis2_path', 'dhis2_parent', 'dhis2_level',
        'priority'))
  LOOP
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', old.owner, old.name);
  END LOOP;
END $$;

-- Columns that were there may have other defaults than they have here, or none.
ALTER TABLE integration_pair
  ALTER COLUMN source_config SET DEFAULT '{}'::jsonb,
  ALTER COLUMN destination_config SET DEFAULT '{}'::jsonb,
  ALTER COLUMN source_orgunits_synced SET DEFAULT false,
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
  ALTER COLUMN dhis2_name DROP DEFAULT,
  ALTER COLUMN dhis2_id DROP DEFAULT,
  ALTER COLUMN dhis2_path DROP DEFAULT,
  ALTER COLUMN dhis2_parent DROP DEFAULT,
  ALTER COLUMN is_active SET DEFAULT true,
  ALTER COLUMN created SET DEFAULT current_timestamp,
  ALTER COLUMN updated SET DEFAULT current_timestamp;

-- What is said at the end, when all of it has happened.
CREATE TEMPORARY TABLE IF NOT EXISTS d2_upgrade_report (number serial, line text);

-- An empty text says nothing, and no id has white space around it.
UPDATE integration_pair SET
  source = CASE WHEN source ~ '\S' THEN source END,
  destination = CASE WHEN destination ~ '\S' THEN destination END
WHERE source !~ '\S' OR destination !~ '\S';
UPDATE sync_datasets SET
  dataset_id = nullif(regexp_replace(dataset_id, '^\s+|\s+$', '', 'g'), ''),
  dataset_name = CASE WHEN dataset_name ~ '\S' THEN dataset_name END,
  dataset_code = CASE WHEN dataset_code ~ '\S' THEN dataset_code END
WHERE dataset_id ~ '^\s|\s$|^$' OR dataset_name !~ '\S' OR dataset_code !~ '\S';
UPDATE orgunits SET
  dhis2_id = nullif(regexp_replace(dhis2_id, '^\s+|\s+$', '', 'g'), ''),
  dhis2_name = CASE WHEN dhis2_name ~ '\S' THEN dhis2_name END,
  dhis2_code = CASE WHEN dhis2_code ~ '\S' THEN dhis2_code END,
  dhis2_path = CASE WHEN dhis2_path ~ '\S' THEN dhis2_path END,
  dhis2_parent = CASE WHEN dhis2_parent ~ '\S' THEN dhis2_parent END,
  dhis2_level = CASE WHEN dhis2_level > 0 THEN dhis2_level END
WHERE dhis2_id ~ '^\s|\s$|^$' OR dhis2_name !~ '\S' OR dhis2_code !~ '\S' OR dhis2_path !~ '\S'
  OR dhis2_parent !~ '\S' OR dhis2_level < 1;

-- Every period type of DHIS2 may be a reporting frequency.
DO $$
DECLARE
  old record;
  types text[] := ARRAY['Daily', 'Weekly', 'WeeklyWednesday', 'WeeklyThursday', 'WeeklyFriday', 'WeeklySaturday',
    'WeeklySunday', 'BiWeekly', 'Monthly', 'BiMonthly', 'Quarterly', 'QuarterlyNov', 'SixMonthly', 'SixMonthlyApril',
    'SixMonthlyNov', 'Yearly', 'TwoYearly', 'FinancialFeb', 'FinancialApril', 'FinancialJuly', 'FinancialAug',
    'FinancialSep', 'FinancialOct', 'FinancialNov'];
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
    INSERT INTO d2_upgrade_report (line)
    SELECT format('data set %s of pair %s: reporting_frequency "%s" is not a period type of DHIS2, and is unknown from '
      'now on: d2-datasets sync fetches it', dataset_id, integration_pair_id, reporting_frequency)
    FROM sync_datasets WHERE reporting_frequency <> ALL (types) AND reporting_frequency <> '' ORDER BY id;
    UPDATE sync_datasets SET reporting_frequency = NULL WHERE reporting_frequency <> ALL (types);
    EXECUTE 'ALTER TABLE sync_datasets ADD CONSTRAINT sync_datasets_period_type CHECK (reporting_frequency IN ('
      || (SELECT string_agg(quote_literal(type), ', ' ORDER BY place)
        FROM unnest(types) WITH ORDINALITY t (type, place))
      || '))';
  END IF;
END $$;

-- Rows that were folded into others, as they were: nothing gets lost.
CREATE TABLE IF NOT EXISTS d2_folded (
  -- The pair to which the row that stayed belongs.
  integration_pair_id integer REFERENCES integration_pair (id) ON DELETE CASCADE,
  table_name text NOT NULL,
  row_id integer NOT NULL,
  into_id integer NOT NULL,
  content jsonb NOT NULL,
  folded timestamptz NOT NULL DEFAULT current_timestamp);

-- Pairs of the same two servers become one. Those that speak decide its settings: the active ones, or all where none is
-- active.
CREATE TEMPORARY TABLE d2_pairs ON COMMIT DROP AS
SELECT *, is_active IS TRUE OR NOT any_active AS speaks FROM (
  SELECT id, is_active, min(id) OVER same AS kept, count(*) OVER same AS rows,
    bool_or(is_active IS TRUE) OVER same AS any_active,
    row_number() OVER (PARTITION BY source, destination ORDER BY is_active IS NOT TRUE, id) AS turn
  FROM integration_pair WHERE source IS NOT NULL AND destination IS NOT NULL
  WINDOW same AS (PARTITION BY source, destination)) p
WHERE rows > 1;
INSERT INTO d2_folded (integration_pair_id, table_name, row_id, into_id, content)
SELECT f.kept, 'integration_pair', p.id, f.kept, to_jsonb(p) FROM integration_pair p JOIN d2_pairs f USING (id)
ORDER BY p.id;
INSERT INTO d2_upgrade_report (line)
SELECT format('pair %s (%s to %s, %s) is folded into pair %s, which has the same two servers%s', p.id, p.source,
  p.destination, CASE WHEN p.is_active THEN 'active' ELSE 'inactive' END, f.kept,
  CASE WHEN f.any_active THEN '; the oldest active one decides the settings'
    ELSE '; the oldest one decides the settings' END)
FROM integration_pair p JOIN d2_pairs f USING (id) WHERE p.id <> f.kept ORDER BY p.id;
-- A configuration without an address was never filled in: then the next row that speaks may have one.
UPDATE integration_pair k SET is_active = f.any_active,
  source_orgunits_synced = (SELECT p.source_orgunits_synced FROM integration_pair p WHERE p.id = f.id),
  source_config = (
    SELECT p.source_config FROM integration_pair p JOIN d2_pairs g USING (id) WHERE g.kept = f.kept AND g.speaks
    ORDER BY coalesce(p.source_config ->> 'api_url', '') = '', g.turn LIMIT 1),
  destination_config = (
    SELECT p.destination_config FROM integration_pair p JOIN d2_pairs g USING (id) WHERE g.kept = f.kept AND g.speaks
    ORDER BY coalesce(p.destination_config ->> 'api_url', '') = '', g.turn LIMIT 1)
FROM d2_pairs f WHERE k.id = f.kept AND f.turn = 1;

-- A data set that was inserted twice for a pair becomes one. What an inactive pair had is not made active by another
-- one.
CREATE TEMPORARY TABLE d2_sets ON COMMIT DROP AS
SELECT *, is_heard OR NOT any_heard AS speaks FROM (
  SELECT *, min(id) OVER same AS kept, count(*) OVER same AS rows, bool_or(is_heard) OVER same AS any_heard,
    row_number() OVER (PARTITION BY pair, uid ORDER BY NOT is_heard, id) AS turn
  FROM (
    SELECT s.id, s.dataset_id AS uid, coalesce(f.kept, s.integration_pair_id) AS pair,
      s.is_active IS TRUE AND f.speaks IS NOT FALSE AS is_heard, f.speaks IS FALSE AS is_silent
    FROM sync_datasets s LEFT JOIN d2_pairs f ON f.id = s.integration_pair_id) s
  WHERE pair IS NOT NULL AND uid IS NOT NULL
  WINDOW same AS (PARTITION BY pair, uid)) s
WHERE rows > 1 OR is_silent;
INSERT INTO d2_folded (integration_pair_id, table_name, row_id, into_id, content)
SELECT f.pair, 'sync_datasets', s.id, f.kept, to_jsonb(s) FROM sync_datasets s JOIN d2_sets f USING (id)
ORDER BY s.id;
UPDATE sync_datasets k SET dataset_name = t.name, dataset_code = t.code, reporting_frequency = t.frequency,
  include_deleted = t.include_deleted, is_active = t.is_active
FROM (
  SELECT f.kept, bool_or(f.any_heard) AS is_active,
    (array_agg(s.dataset_name ORDER BY s.dataset_name IS NULL, f.turn))[1] AS name,
    (array_agg(s.dataset_code ORDER BY s.dataset_code IS NULL, f.turn))[1] AS code,
    (array_agg(s.reporting_frequency ORDER BY s.reporting_frequency IS NULL, f.turn))[1] AS frequency,
    -- It makes d2 delete: only where all that speak say so.
    bool_and(s.include_deleted IS TRUE) FILTER (WHERE f.speaks) AS include_deleted
  FROM sync_datasets s JOIN d2_sets f USING (id) GROUP BY f.kept) t
WHERE k.id = t.kept;
INSERT INTO d2_upgrade_report (line)
SELECT format('data set %s of pair %s: row %s (%s) is folded into row %s%s', f.uid, f.pair, f.id,
  CASE WHEN f.is_heard THEN 'active' WHEN f.is_silent THEN 'of an inactive pair' ELSE 'inactive' END, f.kept,
  CASE WHEN (d.content ->> 'include_deleted')::boolean AND NOT k.include_deleted
    THEN '; its include_deleted is not taken over' ELSE '' END)
FROM d2_sets f JOIN sync_datasets k ON k.id = f.kept
JOIN d2_folded d ON d.table_name = 'sync_datasets' AND d.row_id = f.id WHERE f.id <> f.kept ORDER BY f.id;
INSERT INTO d2_upgrade_report (line)
SELECT format('data set %s of pair %s: row %s was of an inactive pair, and is inactive now', f.uid, f.pair, f.id)
FROM d2_sets f JOIN sync_datasets s USING (id) WHERE f.is_silent AND f.id = f.kept AND NOT f.any_heard
  AND (SELECT (d.content ->> 'is_active')::boolean FROM d2_folded d
    WHERE d.table_name = 'sync_datasets' AND d.row_id = f.id)
ORDER BY f.id;
DELETE FROM sync_datasets s USING d2_sets f WHERE s.id = f.id AND f.id <> f.kept;
UPDATE sync_datasets s SET integration_pair_id = f.kept FROM d2_pairs f
WHERE s.integration_pair_id = f.id AND f.id <> f.kept;

-- An organisation unit that was inserted twice for a pair becomes one. What only inactive pairs had is left to the next
-- sync: a unit that a person disabled would leave out all that is below it.
CREATE TEMPORARY TABLE d2_units ON COMMIT DROP AS
SELECT *, is_heard OR NOT any_heard AS speaks FROM (
  SELECT *, min(id) OVER same AS kept, count(*) OVER same AS rows, bool_or(is_heard) OVER same AS any_heard,
    bool_and(is_silent) OVER same AS all_silent,
    row_number() OVER (PARTITION BY pair, uid ORDER BY NOT is_heard, id) AS turn
  FROM (
    SELECT u.id, u.dhis2_id AS uid, coalesce(f.kept, u.integration_pair_id) AS pair,
      u.is_active IS TRUE AND f.speaks IS NOT FALSE AS is_heard, f.speaks IS FALSE AS is_silent
    FROM orgunits u LEFT JOIN d2_pairs f ON f.id = u.integration_pair_id) u
  WHERE pair IS NOT NULL AND uid IS NOT NULL
  WINDOW same AS (PARTITION BY pair, uid)) u
WHERE rows > 1 OR is_silent;
INSERT INTO d2_folded (integration_pair_id, table_name, row_id, into_id, content)
SELECT f.pair, 'orgunits', u.id, f.kept, to_jsonb(u) FROM orgunits u JOIN d2_units f USING (id) ORDER BY u.id;
UPDATE orgunits k SET dhis2_name = t.name, dhis2_code = t.code, dhis2_path = t.path, dhis2_parent = t.parent,
  dhis2_level = t.level, priority = t.priority, is_active = t.is_active,
  removed = CASE WHEN t.all_silent THEN current_timestamp ELSE k.removed END
FROM (
  SELECT f.kept, bool_or(f.any_heard) AS is_active, bool_and(f.all_silent) AS all_silent,
    (array_agg(u.dhis2_name ORDER BY u.dhis2_name IS NULL, f.turn))[1] AS name,
    (array_agg(u.dhis2_code ORDER BY u.dhis2_code IS NULL, f.turn))[1] AS code,
    (array_agg(u.dhis2_path ORDER BY u.dhis2_path IS NULL, f.turn))[1] AS path,
    (array_agg(u.dhis2_parent ORDER BY u.dhis2_parent IS NULL, f.turn))[1] AS parent,
    (array_agg(u.dhis2_level ORDER BY u.dhis2_level IS NULL, f.turn))[1] AS level,
    (array_agg(u.priority ORDER BY NOT f.speaks, u.priority IS NULL, f.turn))[1] AS priority
  FROM orgunits u JOIN d2_units f USING (id) GROUP BY f.kept) t
WHERE k.id = t.kept;
INSERT INTO d2_upgrade_report (line)
SELECT format('organisation unit %s of pair %s: row %s (%s) is folded into row %s', f.uid, f.pair, f.id,
  CASE WHEN f.is_heard THEN 'active' WHEN f.is_silent THEN 'of an inactive pair' ELSE 'inactive' END, f.kept)
FROM d2_units f WHERE f.id <> f.kept ORDER BY f.id;
INSERT INTO d2_upgrade_report (line)
SELECT format('organisation unit %s of pair %s: row %s was of an inactive pair, and is not pulled until d2-orgunits '
  'sync finds it at the source', f.uid, f.pair, f.id)
FROM d2_units f WHERE f.all_silent AND f.id = f.kept ORDER BY f.id;
DELETE FROM orgunits u USING d2_units f WHERE u.id = f.id AND f.id <> f.kept;
UPDATE orgunits u SET integration_pair_id = f.kept FROM d2_pairs f
WHERE u.integration_pair_id = f.id AND f.id <> f.kept;

DELETE FROM integration_pair p USING d2_pairs f WHERE p.id = f.id AND f.id <> f.kept;

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
-- Version 2 did not know slices that replace what the destination has: how much may be deleted of what only it has, and
-- how much was.
ALTER TABLE slices ADD COLUMN IF NOT EXISTS replaces text, ADD COLUMN IF NOT EXISTS removed bigint;
-- Version 3 did not know which attempts failed: it counted them together with those whose worker died.
ALTER TABLE slices ADD COLUMN IF NOT EXISTS failures integer NOT NULL DEFAULT 0;
UPDATE slices SET failures = attempts
WHERE state IN ('retry', 'failed') AND EXISTS (SELECT FROM d2_schema WHERE version < 4)
  AND NOT EXISTS (SELECT FROM d2_schema WHERE version = 4);
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

INSERT INTO d2_schema (version) SELECT 4 WHERE NOT EXISTS (SELECT FROM d2_schema WHERE version = 4);

COMMIT;

-- Now that it lasts. The commands of d2 know these lines by their code.
DO $$
DECLARE
  said record;
BEGIN
  FOR said IN SELECT line FROM d2_upgrade_report ORDER BY number LOOP
    RAISE WARNING USING MESSAGE = said.line, ERRCODE = '01D02';
  END LOOP;
  DROP TABLE d2_upgrade_report;
END $$;
