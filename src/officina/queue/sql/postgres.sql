-- Every statement of the PostgreSQL queue. Writers lock the rows that they decide about, in the order of
-- their keys, and write whole groups at once from arrays. LIMITs of what is claimed stand in the text: as a
-- parameter they make the planner sort the backlog.

-- name: now
SELECT coalesce($1::float8, extract(epoch FROM clock_timestamp())::float8)

-- name: open_lane
INSERT INTO lanes (id, n, seen_at) VALUES ($1, 1, extract(epoch FROM clock_timestamp()))
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at

-- name: committed
UPDATE lanes SET n = $2::bigint, seen_at = $3::float8 WHERE id = $1 AND n > 0 AND n < $2::bigint

-- name: last_words
-- Written out, as a script takes no parameters: the id is our own, the others are numbers.
WITH committed AS (UPDATE lanes SET n = %d, seen_at = %r WHERE id = '%s' AND n > 0 AND n < %d RETURNING 1)
SELECT 1 / count(*) FROM committed; COMMIT

-- name: close_lane
-- It waits for a group of the lane that is still under way, and none that comes later finds the row open.
UPDATE lanes SET n = -abs(n) WHERE id = $1 RETURNING -n

-- name: job
SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
       output, error, notes, cost_usd
  FROM jobs WHERE id = $1

-- name: jobs
SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
       output, error, notes, cost_usd
  FROM jobs WHERE

-- name: record
SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
       output, error, notes, cost_usd, input, level, max_attempts, history,
       (SELECT token FROM shares WHERE job_id = jobs.id)
  FROM jobs WHERE id = $1

-- name: inputs
SELECT id, input FROM jobs WHERE id = ANY($1::text[])

-- name: rows
SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
       output, error, notes, cost_usd, max_attempts, history, events, worker, nonce, token, lease_until, stop_wish, memo,
       most_outputs, most_usd
  FROM jobs WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE

-- name: to_move
-- The time, the rows with the version of each, and the stop wishes of some workers; %s is how the rows are locked.
WITH found AS MATERIALIZED (
  SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
         output, error, notes, cost_usd, max_attempts, history, events, worker, nonce, token, lease_until, stop_wish, memo,
         most_outputs, most_usd, '\x'::bytea, xmin::text
    FROM jobs WHERE id = ANY($2::text[]) ORDER BY id %s)
SELECT coalesce($1::float8, extract(epoch FROM clock_timestamp())::float8), ARRAY(SELECT found FROM found),
       ARRAY(SELECT ROW(worker, id) FROM jobs WHERE worker = ANY($3::text[]) AND state = 'running' AND stop_wish = 1)

-- name: free_rows
SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
       output, error, notes, cost_usd, max_attempts, history, events, worker, nonce, token, lease_until, stop_wish, memo,
       most_outputs, most_usd
  FROM jobs WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE SKIP LOCKED

-- name: lock_claims
-- Written out, so that it goes with BEGIN: %s are numbers.
SELECT pg_advisory_xact_lock(1869440361, n) FROM unnest('{%s}'::integer[]) AS n

-- name: heads
-- The first few of each model as they stand, to choose among models; %d is how many.
SELECT h.model, h.created_at FROM unnest($1::text[]) AS m (id), LATERAL (
  SELECT model, created_at, tag, seq FROM jobs
   WHERE model = m.id AND state = 'queued' AND run_at IS NULL ORDER BY tag, seq LIMIT %d) AS h
 ORDER BY h.model, h.tag, h.seq

-- name: to_claim
-- The time, what was leased under these nonces before, the limited keys that wait for these models, and the first few
-- of each model as they stand, to choose among models; %d is how many. What is limited is not looked for by EXISTS, which
-- would be turned round into a walk over all that wait.
SELECT coalesce($1::float8, extract(epoch FROM clock_timestamp())::float8), ARRAY(
  SELECT ROW(id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
             output, error, notes, cost_usd, max_attempts, history, events, worker, nonce, token, lease_until, stop_wish,
             memo, most_outputs, most_usd, input)
    FROM jobs JOIN unnest($2::text[], $3::text[]) AS c (by_worker, by_nonce) ON worker = by_worker AND nonce = by_nonce
   WHERE state = 'running' ORDER BY tag, seq), ARRAY(
  SELECT ROW(id, limits) FROM keys AS k
   WHERE limits IS NOT NULL
     AND (SELECT 1 FROM counts AS c WHERE c.key_id = k.id AND c.model = ANY($4::text[]) LIMIT 1) IS NOT NULL), ARRAY(
  SELECT ROW(h.model, h.created_at) FROM unnest($4::text[]) AS m (id), LATERAL (
    SELECT model, created_at, tag, seq FROM jobs
     WHERE model = m.id AND state = 'queued' AND run_at IS NULL ORDER BY tag, seq LIMIT %d) AS h
   ORDER BY h.model, h.tag, h.seq)

-- name: to_claim_of_one
-- The same where there is one model to choose, and its next jobs, unless something was leased before or is limited.
WITH before AS MATERIALIZED (
  SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
         output, error, notes, cost_usd, max_attempts, history, events, worker, nonce, token, lease_until, stop_wish, memo,
         most_outputs, most_usd, input
    FROM jobs JOIN unnest($2::text[], $3::text[]) AS c (by_worker, by_nonce) ON worker = by_worker AND nonce = by_nonce
   WHERE state = 'running' ORDER BY tag, seq),
limited AS MATERIALIZED (
  SELECT id, limits FROM keys AS k
   WHERE limits IS NOT NULL
     AND (SELECT 1 FROM counts AS c WHERE c.key_id = k.id AND c.model = $4 LIMIT 1) IS NOT NULL),
pick AS MATERIALIZED (
  SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
         output, error, notes, cost_usd, max_attempts, history, events, worker, nonce, token, lease_until, stop_wish, memo,
         most_outputs, most_usd, input
    FROM jobs WHERE model = $4 AND state = 'queued' AND run_at IS NULL
     AND NOT EXISTS (SELECT FROM before) AND NOT EXISTS (SELECT FROM limited)
   ORDER BY tag, seq LIMIT %d FOR UPDATE SKIP LOCKED),
picked AS MATERIALIZED (
  SELECT pick.*, k.limits FROM pick LEFT JOIN keys AS k ON k.id = pick.key_id ORDER BY tag, seq)
SELECT coalesce($1::float8, extract(epoch FROM clock_timestamp())::float8), ARRAY(SELECT before FROM before),
       ARRAY(SELECT limited FROM limited), ARRAY(SELECT picked FROM picked)

-- name: pick
WITH pick AS MATERIALIZED (
  SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
       output, error, notes, cost_usd, max_attempts, history, events, worker, nonce, token, lease_until, stop_wish, memo,
       most_outputs, most_usd, input
    FROM jobs WHERE model = $1 AND state = 'queued' AND run_at IS NULL
   ORDER BY tag, seq LIMIT %d FOR UPDATE SKIP LOCKED)
SELECT pick.*, k.limits FROM pick LEFT JOIN keys AS k ON k.id = pick.key_id ORDER BY tag, seq

-- name: pick_beyond
-- The first few of each key but those in $2: however much a key at its limit has waiting costs nothing.
WITH RECURSIVE who (id) AS (
  (SELECT key_id FROM jobs WHERE model = $1 AND state = 'queued' AND run_at IS NULL ORDER BY key_id LIMIT 1)
  UNION ALL
  SELECT (SELECT key_id FROM jobs WHERE model = $1 AND state = 'queued' AND run_at IS NULL AND key_id > who.id
           ORDER BY key_id LIMIT 1) FROM who WHERE who.id IS NOT NULL),
first AS (
  SELECT j.id FROM who, LATERAL (
    SELECT id, tag, seq FROM jobs WHERE model = $1 AND key_id = who.id AND state = 'queued' AND run_at IS NULL
     ORDER BY tag, seq LIMIT %d) AS j
   WHERE who.id <> ALL($2::text[]) ORDER BY j.tag, j.seq LIMIT %d),
pick AS MATERIALIZED (
  SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
       output, error, notes, cost_usd, max_attempts, history, events, worker, nonce, token, lease_until, stop_wish, memo,
       most_outputs, most_usd, input
    FROM jobs WHERE id IN (SELECT id FROM first) AND state = 'queued' AND run_at IS NULL FOR UPDATE SKIP LOCKED)
SELECT pick.*, k.limits FROM pick LEFT JOIN keys AS k ON k.id = pick.key_id ORDER BY tag, seq

-- name: lock_limits
-- Whoever decides about the limits of a key or model waits for others that do; in order, against deadlocks.
SELECT pg_advisory_xact_lock(1869440362, n) FROM unnest($1::integer[]) AS n

-- name: limits_of_keys
SELECT id, limits FROM keys WHERE id = ANY($1::text[]) AND limits IS NOT NULL

-- name: all_waiting
SELECT w.key_id, k.limits FROM (SELECT DISTINCT key_id FROM counts WHERE model = ANY($1::text[])) AS w
  LEFT JOIN keys AS k ON k.id = w.key_id

-- name: running_of_keys
SELECT key_id, count(*) FROM jobs WHERE state = 'running' AND key_id = ANY($1::text[]) GROUP BY key_id

-- name: running_of_models
SELECT model, count(*) FROM jobs WHERE state = 'running' AND model = ANY($1::text[]) GROUP BY model

-- name: models_with_room
-- Those of $1 of which anything waits, and those for which keys of $2 wait that are limited. The newest job is
-- looked for: at the other end lie the leavings of what was just claimed.
SELECT m FROM unnest($1::text[]) AS m
 WHERE (SELECT seq FROM jobs WHERE model = m AND state = 'queued' ORDER BY seq DESC LIMIT 1) IS NOT NULL
UNION ALL
SELECT model FROM counts
 WHERE key_id = ANY(CASE WHEN $3 THEN $2::text[]
                         ELSE ARRAY(SELECT id FROM keys WHERE id = ANY($2::text[]) AND limits IS NOT NULL) END)
 GROUP BY model HAVING sum(waiting) > 0

-- name: rates
SELECT key_id, due_at FROM rates WHERE key_id = ANY($1::text[])

-- name: set_rates
INSERT INTO rates (key_id, due_at) SELECT * FROM unnest($1::text[], $2::float8[])
ON CONFLICT (key_id) DO UPDATE SET due_at = excluded.due_at

-- name: old_rates
DELETE FROM rates WHERE key_id IN (SELECT key_id FROM rates WHERE due_at < $1 LIMIT 500 FOR UPDATE SKIP LOCKED)

-- name: spending
-- One snapshot: what has ended is in the usage of its day, and what has not is held.
SELECT w.id, u.outputs, u.cost_usd, q.outputs + r.outputs, q.usd + r.usd
  FROM unnest($1::text[]) AS w (id),
       LATERAL (SELECT coalesce(sum(outputs), 0)::bigint AS outputs, coalesce(sum(cost_usd), 0) AS cost_usd
                  FROM usage WHERE key_id = w.id AND day = $2) AS u,
       LATERAL (SELECT coalesce(sum(most_outputs), 0)::bigint AS outputs, coalesce(sum(most_usd), 0) AS usd
                  FROM jobs WHERE key_id = w.id AND state = 'queued') AS q,
       LATERAL (SELECT coalesce(sum(most_outputs), 0)::bigint AS outputs, coalesce(sum(most_usd), 0) AS usd
                  FROM jobs WHERE key_id = w.id AND state = 'running') AS r

-- name: reasons
-- The models of $1 of which something is ready, the workers of $2 of which something is wished, and the version of each
-- job of $3. The last ready job is looked for: at the other end lie the leavings of what was just claimed.
SELECT ARRAY(SELECT m FROM unnest($1::text[]) AS m
              WHERE (SELECT seq FROM jobs WHERE model = m AND state = 'queued' AND run_at IS NULL
                      ORDER BY tag DESC, seq DESC LIMIT 1) IS NOT NULL),
       ARRAY(SELECT worker FROM jobs WHERE worker = ANY($2::text[]) AND state = 'running' AND stop_wish = 1
             UNION ALL SELECT id FROM workers WHERE id = ANY($2::text[]) AND drain_wish = 1),
       ARRAY(SELECT ROW(id, xmin::text) FROM jobs WHERE id = ANY($3::text[]))

-- name: held
SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
       output, error, notes, cost_usd, max_attempts, history, events, worker, nonce, token, lease_until, stop_wish, memo,
       most_outputs, most_usd, input
  FROM jobs WHERE id = $1 AND token = $2 AND state = 'running'

-- name: write_jobs
UPDATE jobs SET state = w.state, attempts = w.attempts, run_at = w.run_at, started_at = w.started_at,
       finished_at = w.finished_at, engine = w.engine, output = w.output, error = w.error, notes = w.notes,
       cost_usd = w.cost_usd, history = w.history, events = w.events, worker = w.worker, nonce = w.nonce,
       token = w.token, lease_until = w.lease_until, stop_wish = w.stop_wish, memo = w.memo
  FROM unnest($1::text[], $2::text[], $3::integer[], $4::float8[], $5::float8[], $6::float8[], $7::text[],
              $8::bytea[], $9::bytea[], $10::bytea[], $11::float8[], $12::bytea[], $13::integer[], $14::text[],
              $15::text[], $16::text[], $17::float8[], $18::integer[], $19::text[], $20::text[])
    AS w (id, state, attempts, run_at, started_at, finished_at, engine, output, error, notes, cost_usd, history,
          events, worker, nonce, token, lease_until, stop_wish, memo, version)
 WHERE jobs.id = w.id AND (w.version IS NULL OR jobs.xmin::text = w.version)

-- name: extend_leases
UPDATE jobs SET lease_until = w.lease_until
  FROM unnest($1::text[], $2::float8[], $3::text[]) AS w (id, lease_until, version)
 WHERE jobs.id = w.id AND (w.version IS NULL OR jobs.xmin::text = w.version)

-- name: insert_jobs
INSERT INTO jobs (id, model, key_id, level, tag, state, input, created_at, max_attempts, notes, words,
                  most_outputs, most_usd)
SELECT id, model, key_id, level, tag, 'queued', input, $12::float8, max_attempts, notes, words, most_outputs, most_usd
  FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::float8[], $6::bytea[], $7::integer[],
              $8::bytea[], $9::text[], $10::integer[], $11::float8[]) WITH ORDINALITY
    AS w (id, model, key_id, level, tag, input, max_attempts, notes, words, most_outputs, most_usd, n) ORDER BY n

-- name: add_events
INSERT INTO events (job_id, n, kind, at, data)
SELECT job_id, n, kind, $5::float8, data
  FROM unnest($1::text[], $2::integer[], $3::text[], $4::bytea[]) AS w (job_id, n, kind, data)

-- name: events
SELECT n, kind, at, data FROM events WHERE job_id = $1 AND n > $2 ORDER BY n

-- name: pin
INSERT INTO pins (job_id, name) SELECT * FROM unnest($1::text[], $2::text[])

-- name: unpin
DELETE FROM pins WHERE job_id = ANY($1::text[]) RETURNING name

-- name: keep_unpinned
-- In one statement with `unpin`.
UPDATE files SET expires_at = greatest(expires_at, $1::float8) FROM unpin WHERE files.name = unpin.name

-- name: add_files
INSERT INTO files (name, suffix, store_key, key_id, content_type, size_bytes, sha256, created_at, expires_at, job_id,
       filename)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
                     $8::float8[], $9::float8[], $10::text[], $11::text[])

-- name: count_usage
INSERT INTO usage (day, model, key_id, succeeded, failed, cancelled, outputs, run_s, cost_usd)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                     $8::float8[], $9::float8[])
ON CONFLICT (day, model, key_id) DO UPDATE
   SET succeeded = usage.succeeded + excluded.succeeded, failed = usage.failed + excluded.failed,
       cancelled = usage.cancelled + excluded.cancelled, outputs = usage.outputs + excluded.outputs,
       run_s = usage.run_s + excluded.run_s, cost_usd = usage.cost_usd + excluded.cost_usd

-- name: count_waiting
INSERT INTO counts (model, key_id, lane, waiting)
SELECT model, key_id, $4::text, waiting
  FROM unnest($1::text[], $2::text[], $3::bigint[]) AS w (model, key_id, waiting)
ON CONFLICT (model, key_id, lane) DO UPDATE SET waiting = counts.waiting + excluded.waiting

-- name: waiting_of_keys
SELECT key_id, sum(waiting)::bigint FROM counts WHERE key_id = ANY($1::text[]) GROUP BY key_id

-- name: clocks
-- In the order of the arrays, which are sorted: a probe for each, where a join would walk all clocks to save a sort.
SELECT c.model, c.key_id, c.level, c.tag FROM unnest($1::text[], $2::text[]) AS w (model, key_id), LATERAL (
  SELECT model, key_id, level, tag FROM clocks
   WHERE model = w.model AND key_id = w.key_id ORDER BY level FOR UPDATE) AS c

-- name: to_submit
-- The time, the limits of keys, their clocks with those of the models, how many of each key wait, their rates, and what
-- the idempotency keys $5, $6 made in the last $7 seconds.
SELECT coalesce($1::float8, extract(epoch FROM clock_timestamp())::float8),
       ARRAY(SELECT ROW(id, limits) FROM keys WHERE id = ANY($4::text[]) AND limits IS NOT NULL),
       ARRAY(SELECT ROW(c.model, c.key_id, c.level, c.tag)
               FROM unnest($2::text[], $3::text[]) AS w (model, key_id), LATERAL (
                    SELECT model, key_id, level, tag FROM clocks WHERE model = w.model AND key_id = w.key_id) AS c),
       ARRAY(SELECT ROW(key_id, sum(waiting)::bigint) FROM counts WHERE key_id = ANY($4::text[]) GROUP BY key_id),
       ARRAY(SELECT ROW(key_id, due_at) FROM rates WHERE key_id = ANY($4::text[])),
       ARRAY(SELECT ROW(i.key_id, i.name, i.digest, i.job_id)
               FROM unnest($5::text[], $6::text[]) AS w (key_id, name), LATERAL (
                    SELECT key_id, name, digest, job_id, created_at FROM idempotency
                     WHERE key_id = w.key_id AND name = w.name) AS i
              WHERE i.created_at > coalesce($1::float8, extract(epoch FROM clock_timestamp())::float8) - $7::float8)

-- name: set_clocks
INSERT INTO clocks (model, key_id, level, tag) SELECT * FROM unnest($1::text[], $2::text[], $3::smallint[], $4::float8[])
ON CONFLICT (model, key_id, level) DO UPDATE SET tag = greatest(clocks.tag, excluded.tag)

-- name: move_clocks
UPDATE clocks SET tag = w.tag
  FROM unnest($1::text[], $2::text[], $3::smallint[], $4::float8[], $5::float8[]) AS w (model, key_id, level, tag, before)
 WHERE clocks.model = w.model AND clocks.key_id = w.key_id AND clocks.level = w.level AND clocks.tag = w.before

-- name: start_clocks
INSERT INTO clocks (model, key_id, level, tag) SELECT * FROM unnest($1::text[], $2::text[], $3::smallint[], $4::float8[])
ON CONFLICT (model, key_id, level) DO NOTHING

-- name: remember
INSERT INTO idempotency AS i (key_id, name, digest, job_id, created_at)
SELECT key_id, name, digest, job_id, $5::float8
  FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) AS w (key_id, name, digest, job_id)
ON CONFLICT (key_id, name) DO UPDATE
   SET digest = excluded.digest, job_id = excluded.job_id, created_at = excluded.created_at
 WHERE i.created_at <= $6::float8
RETURNING job_id

-- name: remembered
SELECT i.key_id, i.name, i.digest, i.job_id FROM idempotency AS i
  JOIN unnest($1::text[], $2::text[]) AS w (key_id, name) ON i.key_id = w.key_id AND i.name = w.name

-- name: forget
DELETE FROM idempotency AS i USING unnest($1::text[], $2::text[]) AS w (key_id, name)
 WHERE i.key_id = w.key_id AND i.name = w.name

-- name: replay
SELECT digest, job_id FROM idempotency
 WHERE key_id = $1 AND name = $2
   AND created_at > coalesce($4::float8, extract(epoch FROM clock_timestamp())::float8) - $3::float8

-- name: stop_wishes
SELECT id FROM jobs WHERE worker = $1 AND state = 'running' AND stop_wish = 1

-- name: file
SELECT name, suffix, store_key, key_id, content_type, size_bytes, sha256, created_at, expires_at, job_id,
       filename
  FROM files WHERE name = $1

-- name: store_keys
SELECT store_key FROM files WHERE store_key = ANY($1::text[])

-- name: may_sweep
SELECT pg_try_advisory_xact_lock(1869440361, 0)

-- name: expired_leases
SELECT id FROM jobs WHERE state = 'running' AND lease_until < $1 LIMIT 500

-- name: leases_of
SELECT id FROM jobs WHERE state = 'running' AND worker >= $1 AND worker < $2 ORDER BY seq

-- name: due
UPDATE jobs SET run_at = NULL WHERE id IN (
  SELECT id FROM jobs WHERE run_at <= $1 ORDER BY run_at LIMIT 5000 FOR UPDATE SKIP LOCKED)
RETURNING id, model

-- name: waiting_models
SELECT model FROM counts WHERE model <> ALL($1::text[]) GROUP BY model HAVING sum(waiting) > 0

-- name: waiting_of_models
SELECT id FROM jobs WHERE model = ANY($1::text[]) AND state = 'queued' ORDER BY model, seq LIMIT 500

-- name: waiting_of_key
SELECT id FROM jobs WHERE key_id = $1 AND state = 'queued' ORDER BY seq

-- name: old_jobs
SELECT id FROM jobs WHERE finished_at < $1 ORDER BY finished_at LIMIT 500

-- name: leave_pinned
UPDATE files SET job_id = NULL
 WHERE job_id = ANY($1::text[]) AND EXISTS (SELECT 1 FROM pins WHERE pins.name = files.name)

-- name: files_of_jobs
DELETE FROM files WHERE job_id = ANY($1::text[]) RETURNING store_key

-- name: drop_events
DELETE FROM events WHERE job_id = ANY($1::text[])

-- name: drop_shares
DELETE FROM shares WHERE job_id = ANY($1::text[])

-- name: drop_jobs
DELETE FROM jobs WHERE id = ANY($1::text[]) AND finished_at IS NOT NULL RETURNING id

-- name: share
INSERT INTO shares (token, job_id, created_at) VALUES ($1, $2, $3) ON CONFLICT (job_id) DO NOTHING

-- name: share_of
SELECT token FROM shares WHERE job_id = $1

-- name: unshare
DELETE FROM shares WHERE job_id = $1 RETURNING token

-- name: shared
SELECT job_id FROM shares WHERE token = $1

-- name: old_uploads
DELETE FROM files WHERE name IN (
  SELECT name FROM files AS old WHERE job_id IS NULL AND expires_at < $1
     AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.name = old.name) ORDER BY expires_at LIMIT 500)
RETURNING store_key

-- name: old_idempotency
DELETE FROM idempotency WHERE created_at < $1

-- name: old_sessions
DELETE FROM sessions WHERE expires_at <= $1

-- name: old_lanes
DELETE FROM lanes WHERE seen_at < extract(epoch FROM clock_timestamp()) - 86400

-- name: old_counts
-- Rows that cancel each other out; whatever is locked or comes meanwhile keeps its own sum.
WITH zero AS (SELECT model, key_id FROM counts GROUP BY model, key_id HAVING sum(waiting) = 0 LIMIT 500),
     mine AS MATERIALIZED (
       SELECT c.model, c.key_id, c.lane, c.waiting FROM counts AS c JOIN zero AS z
           ON c.model = z.model AND c.key_id = z.key_id FOR UPDATE OF c SKIP LOCKED),
     out AS (SELECT model, key_id FROM mine GROUP BY model, key_id HAVING sum(waiting) = 0)
DELETE FROM counts AS c USING mine AS m, out AS o
 WHERE m.model = o.model AND m.key_id = o.key_id
   AND c.model = m.model AND c.key_id = m.key_id AND c.lane = m.lane

-- name: old_clocks
WITH old AS MATERIALIZED (
  SELECT c.model, c.key_id, c.level FROM clocks AS c JOIN clocks AS v
      ON v.model = c.model AND v.key_id = '' AND v.level = 0 AND c.tag <= v.tag
   WHERE c.key_id <> '' FOR UPDATE OF c SKIP LOCKED)
DELETE FROM clocks AS c USING old AS o
 WHERE c.model = o.model AND c.key_id = o.key_id AND c.level = o.level

-- name: positions
SELECT tag, seq FROM jobs WHERE model = $1 AND state = 'queued' AND run_at IS NULL ORDER BY tag, seq LIMIT 1000

-- name: waiting_of_model
SELECT coalesce(sum(waiting), 0)::bigint FROM counts WHERE model = $1

-- name: depth
WITH waiting AS (SELECT model AS name, sum(waiting)::bigint AS n FROM counts GROUP BY model HAVING sum(waiting) <> 0),
     running AS (SELECT model AS name, count(*) AS n FROM jobs WHERE state = 'running' GROUP BY model)
SELECT name, coalesce(w.n, 0), coalesce(r.n, 0), coalesce(
         greatest(0, coalesce($1::float8, extract(epoch FROM clock_timestamp())::float8) - (
           SELECT created_at FROM jobs WHERE model = name AND state = 'queued' ORDER BY seq LIMIT 1)), 0)
  FROM waiting AS w FULL JOIN running AS r USING (name) ORDER BY name

-- name: depth_by_key
WITH waiting AS (SELECT key_id AS name, sum(waiting)::bigint AS n FROM counts GROUP BY key_id HAVING sum(waiting) <> 0),
     running AS (SELECT key_id AS name, count(*) AS n FROM jobs WHERE state = 'running' GROUP BY key_id)
SELECT name, coalesce(w.n, 0), coalesce(r.n, 0), coalesce(
         greatest(0, coalesce($1::float8, extract(epoch FROM clock_timestamp())::float8) - (
           SELECT created_at FROM jobs WHERE key_id = name AND state = 'queued' ORDER BY seq LIMIT 1)), 0)
  FROM waiting AS w FULL JOIN running AS r USING (name) ORDER BY name

-- name: running
SELECT id, model, key_id, worker, engine, attempts, started_at, lease_until
  FROM jobs WHERE state = 'running' ORDER BY worker, seq

-- name: stored
SELECT CASE WHEN store_key LIKE 'jobs/%' THEN 'output' WHEN job_id IS NULL THEN 'upload' ELSE 'input' END AS kind,
       count(*), sum(size_bytes)::bigint
  FROM files GROUP BY kind ORDER BY kind

-- name: database_bytes
SELECT pg_database_size(current_database())

-- name: usage
SELECT day, model, key_id, succeeded, failed, cancelled, outputs, run_s, cost_usd
  FROM usage WHERE day >= $1 AND day <= $2 AND ($3::text IS NULL OR key_id = $3) ORDER BY day, model, key_id

-- name: usage_by_week
SELECT date_trunc('week', day::timestamp)::date::text COLLATE "C" AS monday, model, key_id, sum(succeeded)::bigint,
       sum(failed)::bigint, sum(cancelled)::bigint, sum(outputs)::bigint, sum(run_s), sum(cost_usd)
  FROM usage WHERE day >= $1 AND day <= $2 AND ($3::text IS NULL OR key_id = $3)
 GROUP BY monday, model, key_id ORDER BY monday, model, key_id

-- name: add_key
INSERT INTO keys (id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight, limits)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: lock_first_key
SELECT pg_advisory_xact_lock(1869440361, 2)

-- name: key_by_hash
SELECT id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight, limits
  FROM keys WHERE digest = $1

-- name: key
SELECT id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight, limits FROM keys WHERE id = $1

-- name: key_to_change
SELECT id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight, limits
  FROM keys WHERE id = $1 FOR UPDATE

-- name: change_key
UPDATE keys SET name = $2, weight = $3, limits = $4 WHERE id = $1

-- name: keys
SELECT id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight, limits
  FROM keys ORDER BY created_at, id

-- name: revoke_key
UPDATE keys SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2
RETURNING id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight, limits

-- name: keys_used
UPDATE keys SET last_used_at = greatest(coalesce(last_used_at, 0), w.at)
  FROM unnest($1::text[], $2::float8[]) AS w (id, at) WHERE keys.id = w.id

-- name: add_session
INSERT INTO sessions (digest, key_id, created_at, expires_at) VALUES ($1, $2, $3, $4)

-- name: key_by_session
SELECT k.id, k.name, k.digest, k.scopes, k.created_at, k.hint, k.last_used_at, k.revoked_at, k.weight, k.limits
  FROM sessions AS s JOIN keys AS k ON k.id = s.key_id
 WHERE s.digest = $1 AND s.expires_at > coalesce($2::float8, extract(epoch FROM clock_timestamp())::float8)

-- name: end_session
DELETE FROM sessions WHERE digest = $1

-- name: end_sessions
DELETE FROM sessions WHERE key_id = $1 RETURNING digest

-- name: add_worker
INSERT INTO workers (id, said, gateway, terms, registered_at, seen_at, is_claiming, drain_wish)
VALUES ($1, $2, $3, $4, $5, $5, $6, $7)

-- name: workers
SELECT id, said, gateway, terms, registered_at, seen_at, is_claiming, drain_wish
  FROM workers ORDER BY registered_at, id

-- name: workers_seen
UPDATE workers SET seen_at = $4, gateway = w.gateway, is_claiming = w.is_claiming
  FROM unnest($1::text[], $2::text[], $3::integer[]) AS w (id, gateway, is_claiming) WHERE workers.id = w.id

-- name: wish_drain
UPDATE workers SET drain_wish = 1 WHERE id = $1
RETURNING id, said, gateway, terms, registered_at, seen_at, is_claiming, drain_wish

-- name: forget_workers
DELETE FROM workers WHERE id >= $1 AND id < $2

-- name: old_workers
DELETE FROM workers WHERE seen_at < $1

-- name: alone
-- Whoever fills an empty database lets nobody else in, and takes as long as it takes.
SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on;
LOCK TABLE jobs, events, clocks, counts, lanes, idempotency, files, pins, keys, rates, workers, usage, shares, sessions

-- name: count_moved
INSERT INTO counts (model, key_id, lane, waiting)
SELECT model, key_id, 'moved', count(*) FROM jobs WHERE state = 'queued' GROUP BY model, key_id

-- name: number_on
ALTER TABLE jobs ALTER COLUMN seq RESTART WITH %d

-- name: facts
-- What `officina doctor` wants to know. Of others' sessions an ordinary user sees little, but that they are there.
WITH used AS (SELECT usesysid, datname, state, state_change FROM pg_stat_activity
               WHERE datid IS NOT NULL AND usesysid IS NOT NULL AND pid <> pg_backend_pid())
SELECT current_setting('server_version_num')::integer AS number, current_setting('server_version') AS version,
       current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS is_standby,
       pg_database_size(current_database()) AS size_bytes,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_make,
       (SELECT count(*) FROM pg_stat_replication WHERE application_name IS DISTINCT FROM 'pg_basebackup') AS standbys,
       least(current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
               - coalesce(current_setting('reserved_connections', true)::integer, 0) - (SELECT count(*) FROM used),
             (SELECT r.rolconnlimit - (SELECT count(*) FROM used WHERE usesysid = r.oid)
                FROM pg_roles AS r WHERE r.rolname = current_user AND r.rolconnlimit >= 0),
             (SELECT d.datconnlimit - (SELECT count(*) FROM used WHERE used.datname = d.datname)
                FROM pg_database AS d WHERE d.datname = current_database() AND d.datconnlimit >= 0)
            )::integer AS free_connections,
       (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(state_change)), 0) FROM used
         WHERE state = 'idle in transaction' AND datname = current_database())::float8 AS idle_s

-- name: settings
-- As a new session has them: ours has set some of its own.
SELECT name, reset_val FROM pg_settings WHERE name = ANY($1::text[])
