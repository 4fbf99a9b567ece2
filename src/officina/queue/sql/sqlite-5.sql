-- Schema version 5: limits of keys, and workers that every gateway knows.

ALTER TABLE keys ADD COLUMN limits BLOB;                          -- JSON; what is not in it, the settings say
ALTER TABLE jobs ADD COLUMN most_outputs INTEGER NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN most_usd     REAL    NOT NULL DEFAULT 0;  -- held of the key's budget until the end

CREATE INDEX jobs_ready_of_key ON jobs (model, key_id, tag) WHERE state = 'queued' AND run_at IS NULL;
CREATE INDEX usage_of_key      ON usage (key_id, day);

CREATE TABLE rates (                         -- when a key that submits evenly would submit next
  key_id TEXT PRIMARY KEY,
  due_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workers (                       -- one row per start of a worker; no promise hangs on it
  id            TEXT PRIMARY KEY,
  said          BLOB NOT NULL,               -- JSON: its hello
  gateway       TEXT NOT NULL,               -- that it last talked to
  terms         TEXT NOT NULL,               -- a mark of what it was told when it said hello
  registered_at REAL NOT NULL,
  seen_at       REAL NOT NULL,
  is_claiming   INTEGER NOT NULL DEFAULT 0,  -- before its first claim it may still be loading
  drain_wish    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
