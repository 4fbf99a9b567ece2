-- Schema version 3: search in what was asked, shares, and what an operator looks at.

ALTER TABLE jobs ADD COLUMN words TEXT NOT NULL DEFAULT '';  -- the input's texts as they are sought

-- Which fields of an old input are texts stands in the catalog, which a migration cannot read: every text at
-- the top counts but references to files. `searchable` is our own function.
UPDATE jobs SET words = coalesce((
  SELECT searchable(group_concat(value, char(10))) FROM json_each(CAST(jobs.input AS TEXT))
   WHERE type = 'text' AND value NOT LIKE 'http://%' AND value NOT LIKE 'https://%' AND value NOT LIKE 'file\_%' ESCAPE '\'
), '') WHERE json_valid(CAST(input AS TEXT));

CREATE INDEX jobs_waiting_of_key ON jobs (key_id) WHERE state = 'queued';
CREATE INDEX jobs_failed         ON jobs (id)     WHERE state = 'failed';

CREATE TABLE shares (                        -- results that their owners show to whoever has the token
  token      TEXT PRIMARY KEY,
  job_id     TEXT NOT NULL UNIQUE,
  created_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
