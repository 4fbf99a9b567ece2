-- Schema version 4: browsers that are signed in.

CREATE TABLE sessions (
  digest     BLOB PRIMARY KEY,               -- SHA-256 of the cookie
  key_id     TEXT NOT NULL,
  created_at REAL NOT NULL,
  expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_key ON sessions (key_id);
CREATE INDEX sessions_age    ON sessions (expires_at);
