-- Schema version 1. Times are Unix seconds; JSON is kept as the bytes that msgspec wrote.

CREATE TABLE jobs (
  seq          INTEGER PRIMARY KEY,          -- arrival order; breaks ties between equal tags
  id           TEXT NOT NULL UNIQUE,         -- the request_id, a UUIDv7
  model        TEXT NOT NULL,
  key_id       TEXT NOT NULL,
  level        INTEGER NOT NULL,             -- 0 high, 1 normal, 2 low; acts inside a key only
  tag          REAL NOT NULL,                -- place in the fair order, stamped at submit
  state        TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  input        BLOB NOT NULL,
  created_at   REAL NOT NULL,
  run_at       REAL,                         -- queued: not before; null: at once
  attempts     INTEGER NOT NULL DEFAULT 0,   -- counted at the claim
  max_attempts INTEGER NOT NULL,
  history      BLOB,                         -- why each failed attempt ended
  events       INTEGER NOT NULL DEFAULT 1,   -- number of the last event; 1 is the submit itself
  engine       TEXT,                         -- which engine took it last
  worker       TEXT,
  nonce        TEXT,                         -- of the claim, so that its repetition finds its leases
  token        TEXT,                         -- of the last lease; stays after the end
  lease_until  REAL,
  started_at   REAL,
  stop_wish    INTEGER NOT NULL DEFAULT 0,
  finished_at  REAL,
  output       BLOB,
  error        BLOB,
  notes        BLOB,
  cost_usd     REAL NOT NULL DEFAULT 0,
  CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled'))),
  CHECK ((worker IS NOT NULL) = (state = 'running')),
  CHECK ((lease_until IS NOT NULL) = (state = 'running')),
  CHECK (run_at IS NULL OR state = 'queued'),
  CHECK (started_at IS NULL OR state <> 'queued')
) STRICT;

CREATE INDEX jobs_ready   ON jobs (model, tag)    WHERE state = 'queued' AND run_at IS NULL;
CREATE INDEX jobs_waiting ON jobs (model)         WHERE state = 'queued';
CREATE INDEX jobs_delayed ON jobs (run_at)        WHERE run_at IS NOT NULL;
CREATE INDEX jobs_running ON jobs (worker)        WHERE state = 'running';
CREATE INDEX jobs_ended   ON jobs (finished_at)   WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_by_key  ON jobs (key_id, id);

CREATE TABLE events (
  job_id TEXT NOT NULL,
  n      INTEGER NOT NULL,
  kind   TEXT NOT NULL,
  at     REAL NOT NULL,
  data   BLOB NOT NULL,
  PRIMARY KEY (job_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE clocks (                        -- where each key stands in the fair order; key '' is the model
  model  TEXT NOT NULL,
  key_id TEXT NOT NULL,
  level  INTEGER NOT NULL,
  tag    REAL NOT NULL,
  PRIMARY KEY (model, key_id, level)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
  key_id     TEXT NOT NULL,
  name       TEXT NOT NULL,
  digest     BLOB NOT NULL,
  job_id     TEXT NOT NULL,
  created_at REAL NOT NULL,
  PRIMARY KEY (key_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE TABLE files (
  name         TEXT PRIMARY KEY,             -- public and unguessable
  suffix       TEXT NOT NULL,
  store_key    TEXT NOT NULL UNIQUE,
  key_id       TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size_bytes   INTEGER NOT NULL,
  sha256       TEXT NOT NULL,
  created_at   REAL NOT NULL,
  expires_at   REAL NOT NULL,
  job_id       TEXT,                         -- the job whose output, or whose own input, it is
  filename     TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX files_by_job ON files (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX files_age    ON files (expires_at) WHERE job_id IS NULL;

CREATE TABLE pins (                          -- stored files that a job which has not ended refers to
  job_id TEXT NOT NULL,
  name   TEXT NOT NULL,
  PRIMARY KEY (job_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX pins_by_name ON pins (name);

CREATE TABLE keys (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL,
  digest       BLOB NOT NULL UNIQUE,
  scopes       TEXT NOT NULL,
  created_at   REAL NOT NULL,
  hint         TEXT NOT NULL,
  last_used_at REAL,
  revoked_at   REAL,
  weight       REAL NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
  day       TEXT NOT NULL,
  model     TEXT NOT NULL,
  key_id    TEXT NOT NULL,
  succeeded INTEGER NOT NULL,
  failed    INTEGER NOT NULL,
  cancelled INTEGER NOT NULL,
  outputs   INTEGER NOT NULL,
  run_s     REAL NOT NULL,
  cost_usd  REAL NOT NULL,
  PRIMARY KEY (day, model, key_id)
) STRICT, WITHOUT ROWID;
