-- Schema version 1. The rows have the shape that they have on SQLite: times are Unix seconds, JSON is kept as
-- the bytes that msgspec wrote. Text is compared by its bytes ("C"), so that ids sort by their time.

CREATE TABLE jobs (
  seq          bigint GENERATED ALWAYS AS IDENTITY,  -- arrival order; breaks ties between equal tags
  id           text COLLATE "C" PRIMARY KEY,         -- the request_id, a UUIDv7
  model        text COLLATE "C" NOT NULL,
  key_id       text COLLATE "C" NOT NULL,
  level        smallint NOT NULL,                    -- 0 high, 1 normal, 2 low; acts inside a key only
  tag          float8 NOT NULL,                      -- place in the fair order, stamped at submit
  state        text COLLATE "C" NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  input        bytea NOT NULL,
  words        text COLLATE "C" NOT NULL DEFAULT '', -- the input's texts as they are sought
  created_at   float8 NOT NULL,
  run_at       float8,                               -- queued: not before; null: at once
  attempts     integer NOT NULL DEFAULT 0,           -- counted at the claim
  max_attempts integer NOT NULL,
  history      bytea,                                -- why each failed attempt ended
  events       integer NOT NULL DEFAULT 1,           -- number of the last event; 1 is the submit itself
  engine       text,                                 -- which engine took it last
  worker       text COLLATE "C",
  nonce        text,                                 -- of the claim, so that its repetition finds its leases
  token        text,                                 -- of the last lease; stays after the end
  memo         text NOT NULL DEFAULT '',             -- what an attempt wants the next one to know
  lease_until  float8,                               -- in no index, on purpose: renewals touch the heap alone
  started_at   float8,
  stop_wish    integer NOT NULL DEFAULT 0,
  finished_at  float8,
  output       bytea,
  error        bytea,
  notes        bytea,
  cost_usd     float8 NOT NULL DEFAULT 0,
  most_outputs integer NOT NULL DEFAULT 1,           -- what it takes at most, held of its key's budget
  most_usd     float8 NOT NULL DEFAULT 0,
  CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled'))),
  CHECK ((worker IS NOT NULL) = (state = 'running')),
  CHECK ((lease_until IS NOT NULL) = (state = 'running')),
  CHECK (run_at IS NULL OR state = 'queued'),
  CHECK (started_at IS NULL OR state <> 'queued')
) WITH (
  fillfactor = 70,                                   -- room on the page for the next version of a renewed row
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0.05
);

CREATE INDEX jobs_ready          ON jobs (model, tag, seq) WHERE state = 'queued' AND run_at IS NULL;
CREATE INDEX jobs_ready_of_key   ON jobs (model, key_id, tag, seq) WHERE state = 'queued' AND run_at IS NULL;
CREATE INDEX jobs_waiting        ON jobs (model, seq)      WHERE state = 'queued';
CREATE INDEX jobs_waiting_of_key ON jobs (key_id, seq)     WHERE state = 'queued';
CREATE INDEX jobs_delayed        ON jobs (run_at)          WHERE run_at IS NOT NULL;
CREATE INDEX jobs_running        ON jobs (worker)          WHERE state = 'running';
CREATE INDEX jobs_ended          ON jobs (finished_at)     WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_failed         ON jobs (id)              WHERE state = 'failed';
CREATE INDEX jobs_by_key         ON jobs (key_id, id);

CREATE TABLE events (
  job_id text COLLATE "C" NOT NULL,
  n      integer NOT NULL,
  kind   text NOT NULL,
  at     float8 NOT NULL,
  data   bytea NOT NULL,
  PRIMARY KEY (job_id, n)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE clocks (                        -- where each key stands in the fair order; key '' is the model
  model  text COLLATE "C" NOT NULL,
  key_id text COLLATE "C" NOT NULL,
  level  smallint NOT NULL,
  tag    float8 NOT NULL,
  PRIMARY KEY (model, key_id, level)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);

-- How many wait, as sums of what each kind of operation added: submits and claims never wait for one row.
CREATE TABLE counts (
  model   text COLLATE "C" NOT NULL,
  key_id  text COLLATE "C" NOT NULL,
  lane    text COLLATE "C" NOT NULL,
  waiting bigint NOT NULL,
  PRIMARY KEY (model, key_id, lane)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX counts_by_key ON counts (key_id);

CREATE TABLE lanes (                         -- the last group that each writer of a gateway has committed
  id      text COLLATE "C" PRIMARY KEY,
  n       bigint NOT NULL,
  seen_at float8 NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE idempotency (
  key_id     text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  digest     bytea NOT NULL,
  job_id     text NOT NULL,
  created_at float8 NOT NULL,
  PRIMARY KEY (key_id, name)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE TABLE files (
  name         text COLLATE "C" PRIMARY KEY, -- public and unguessable
  suffix       text NOT NULL,
  store_key    text COLLATE "C" NOT NULL UNIQUE,
  key_id       text COLLATE "C" NOT NULL,
  content_type text NOT NULL,
  size_bytes   bigint NOT NULL,
  sha256       text NOT NULL,
  created_at   float8 NOT NULL,
  expires_at   float8 NOT NULL,
  job_id       text COLLATE "C",             -- the job whose output, or whose own input, it is
  filename     text NOT NULL DEFAULT ''
);
CREATE INDEX files_by_job ON files (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX files_age    ON files (expires_at) WHERE job_id IS NULL;

CREATE TABLE pins (                          -- stored files that a job which has not ended refers to
  job_id text COLLATE "C" NOT NULL,
  name   text COLLATE "C" NOT NULL,
  PRIMARY KEY (job_id, name)
);
CREATE INDEX pins_by_name ON pins (name);

CREATE TABLE keys (
  id           text COLLATE "C" PRIMARY KEY,
  name         text NOT NULL,
  digest       bytea NOT NULL UNIQUE,
  scopes       text NOT NULL,
  created_at   float8 NOT NULL,
  hint         text NOT NULL,
  last_used_at float8,
  revoked_at   float8,
  weight       float8 NOT NULL DEFAULT 1,
  limits       bytea                         -- JSON; what is not in it, the settings say; null: nothing
);
CREATE INDEX keys_limited ON keys (id) WHERE limits IS NOT NULL;

CREATE TABLE rates (                         -- when a key that submits evenly would submit next
  key_id text COLLATE "C" PRIMARY KEY,
  due_at float8 NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE workers (                       -- one row per start of a worker; no promise hangs on it
  id            text COLLATE "C" PRIMARY KEY,
  said          bytea NOT NULL,              -- JSON: its hello
  gateway       text NOT NULL,               -- that it last talked to
  terms         text NOT NULL,               -- a mark of what it was told when it said hello
  registered_at float8 NOT NULL,
  seen_at       float8 NOT NULL,
  is_claiming   integer NOT NULL DEFAULT 0,  -- before its first claim it may still be loading
  drain_wish    integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE usage (
  day       text COLLATE "C" NOT NULL,
  model     text COLLATE "C" NOT NULL,
  key_id    text COLLATE "C" NOT NULL,
  succeeded bigint NOT NULL,
  failed    bigint NOT NULL,
  cancelled bigint NOT NULL,
  outputs   bigint NOT NULL,
  run_s     float8 NOT NULL,
  cost_usd  float8 NOT NULL,
  PRIMARY KEY (day, model, key_id)
) WITH (fillfactor = 50);
CREATE INDEX usage_of_key ON usage (key_id, day);

CREATE TABLE shares (                        -- results that their owners show to whoever has the token
  token      text COLLATE "C" PRIMARY KEY,
  job_id     text COLLATE "C" NOT NULL UNIQUE,
  created_at float8 NOT NULL
);

CREATE TABLE sessions (
  digest     bytea PRIMARY KEY,              -- SHA-256 of the cookie
  key_id     text COLLATE "C" NOT NULL,
  created_at float8 NOT NULL,
  expires_at float8 NOT NULL
);
CREATE INDEX sessions_by_key ON sessions (key_id);
CREATE INDEX sessions_age    ON sessions (expires_at);
