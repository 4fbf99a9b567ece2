-- Every statement of the SQLite queue. One writer thread runs the writes, so a plain UPDATE whose WHERE names
-- the state it expects is a compare-and-set; no row locks are needed.

-- name: job
SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
       output, error, notes, cost_usd
  FROM jobs WHERE id = ?

-- name: jobs
SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
       output, error, notes, cost_usd
  FROM jobs WHERE

-- name: record
SELECT id, model, key_id, state, created_at, tag, seq, attempts, run_at, started_at, finished_at, engine,
       output, error, notes, cost_usd, input, level, max_attempts, history,
       (SELECT token FROM shares WHERE job_id = jobs.id)
  FROM jobs WHERE id = ?

-- name: input
SELECT input FROM jobs WHERE id = ?

-- name: insert_job
INSERT INTO jobs (id, model, key_id, level, tag, state, input, created_at, max_attempts, notes, words,
                  most_outputs, most_usd)
VALUES (?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?)

-- name: pin
INSERT INTO pins (job_id, name) VALUES (?, ?)

-- name: replay
SELECT digest, job_id FROM idempotency WHERE key_id = ? AND name = ? AND created_at > ?

-- name: remember
INSERT INTO idempotency (key_id, name, digest, job_id, created_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key_id, name) DO UPDATE
   SET digest = excluded.digest, job_id = excluded.job_id, created_at = excluded.created_at

-- name: head
SELECT seq, created_at, tag, key_id FROM jobs
 WHERE model = ? AND state = 'queued' AND run_at IS NULL ORDER BY tag, seq LIMIT 1

-- name: open_among_first
SELECT seq, created_at, tag, key_id FROM (
  SELECT seq, created_at, tag, key_id FROM jobs
   WHERE model = ? AND state = 'queued' AND run_at IS NULL ORDER BY tag, seq LIMIT 64)
 WHERE key_id NOT IN (SELECT value FROM json_each(?)) ORDER BY tag, seq LIMIT 1

-- name: open_by_key
-- From each key that waits to the next one, a probe each; then the first job of each that is not full.
WITH RECURSIVE waiting (key_id) AS (
  SELECT min(key_id) FROM jobs WHERE model = ?1 AND state = 'queued' AND run_at IS NULL
  UNION ALL
  SELECT (SELECT min(key_id) FROM jobs
           WHERE model = ?1 AND state = 'queued' AND run_at IS NULL AND key_id > waiting.key_id)
    FROM waiting WHERE key_id IS NOT NULL)
SELECT head.seq, head.created_at, head.tag, head.key_id
  FROM waiting CROSS JOIN jobs AS head
    ON head.seq = (SELECT seq FROM jobs WHERE model = ?1 AND key_id = waiting.key_id AND state = 'queued'
                      AND run_at IS NULL ORDER BY tag, seq LIMIT 1)
 WHERE waiting.key_id IS NOT NULL AND waiting.key_id NOT IN (SELECT value FROM json_each(?2))
 ORDER BY head.tag, head.seq LIMIT 1
-- name: claimed_before
SELECT id, token, attempts, model, engine, input, started_at IS NOT NULL, memo FROM jobs
 WHERE worker = ? AND state = 'running' AND nonce = ? ORDER BY tag, seq

-- name: take
-- What has left a memo is known to one engine alone: no other takes it over.
UPDATE jobs SET state = 'running', attempts = attempts + 1, worker = ?, nonce = ?, token = ?,
       engine = CASE WHEN memo = '' THEN ? ELSE engine END,
       lease_until = ?, started_at = ?, stop_wish = 0
 WHERE seq = ? AND state = 'queued' RETURNING id, attempts, input, key_id, tag, engine, memo

-- name: held
SELECT id, token, attempts, model, engine, input, started_at IS NOT NULL, memo FROM jobs
 WHERE id = ? AND token = ? AND state = 'running'

-- name: renew
UPDATE jobs SET lease_until = ? WHERE id = ? AND token = ? AND state = 'running'
 RETURNING worker, started_at IS NOT NULL, attempts, engine

-- name: adopt
UPDATE jobs SET worker = ? WHERE id = ?

-- name: start
UPDATE jobs SET started_at = ? WHERE id = ? AND state = 'running' AND started_at IS NULL

-- name: note_memo
UPDATE jobs SET memo = ? WHERE id = ?

-- name: stop_wishes
SELECT id FROM jobs WHERE worker = ? AND state = 'running' AND stop_wish = 1

-- name: number_event
UPDATE jobs SET events = events + 1 WHERE id = ? RETURNING events

-- name: add_event
INSERT INTO events (job_id, n, kind, at, data) VALUES (?, ?, ?, ?, ?)

-- name: events
SELECT n, kind, at, data FROM events WHERE job_id = ? AND n > ? ORDER BY n

-- name: lease_row
SELECT id, state, token, attempts, max_attempts, stop_wish, model, key_id, history, notes, most_outputs,
       most_usd
  FROM jobs WHERE id = ?

-- name: end
UPDATE jobs SET state = ?, finished_at = ?, output = ?, error = ?, notes = coalesce(?, notes), history = ?, cost_usd = ?,
       worker = NULL, lease_until = NULL, run_at = NULL
 WHERE id = ? AND state = ?

-- name: requeue
UPDATE jobs SET state = 'queued', run_at = ?, attempts = ?, history = ?, worker = NULL, lease_until = NULL,
       started_at = NULL, stop_wish = 0
 WHERE id = ? AND state = 'running'

-- name: void_lease
UPDATE jobs SET token = NULL WHERE id = ?

-- name: wish_stop
UPDATE jobs SET stop_wish = 1 WHERE id = ? AND state = 'running' RETURNING worker

-- name: unpin
DELETE FROM pins WHERE job_id = ? RETURNING name

-- name: keep_file
UPDATE files SET expires_at = max(expires_at, ?) WHERE name = ?

-- name: add_file
INSERT INTO files (name, suffix, store_key, key_id, content_type, size_bytes, sha256, created_at, expires_at,
                   job_id, filename)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: file
SELECT name, suffix, store_key, key_id, content_type, size_bytes, sha256, created_at, expires_at, job_id,
       filename
  FROM files WHERE name = ?

-- name: store_key
SELECT 1 FROM files WHERE store_key = ?

-- name: expired_leases
SELECT id FROM jobs INDEXED BY jobs_running WHERE state = 'running' AND lease_until < ? LIMIT ?

-- name: leases_of
SELECT id FROM jobs WHERE state = 'running' AND worker >= ? AND worker < ? ORDER BY seq

-- name: due
UPDATE jobs SET run_at = NULL WHERE run_at <= ? RETURNING id, model

-- name: waiting_of_model
SELECT id FROM jobs WHERE model = ? AND state = 'queued' ORDER BY seq LIMIT ?

-- name: waiting_of_key
SELECT id FROM jobs WHERE key_id = ? AND state = 'queued' ORDER BY seq

-- name: old_jobs
SELECT id FROM jobs WHERE finished_at < ? ORDER BY finished_at LIMIT ?

-- name: leave_pinned
UPDATE files SET job_id = NULL
 WHERE job_id = ? AND EXISTS (SELECT 1 FROM pins WHERE pins.name = files.name)

-- name: files_of_job
DELETE FROM files WHERE job_id = ? RETURNING store_key

-- name: drop_events
DELETE FROM events WHERE job_id = ?

-- name: share
INSERT INTO shares (token, job_id, created_at) VALUES (?, ?, ?) ON CONFLICT (job_id) DO NOTHING

-- name: unshare
DELETE FROM shares WHERE job_id = ? RETURNING token

-- name: shared
SELECT job_id FROM shares WHERE token = ?

-- name: drop_job
DELETE FROM jobs WHERE id = ? AND finished_at IS NOT NULL

-- name: old_uploads
DELETE FROM files WHERE name IN (
  SELECT name FROM files AS old WHERE job_id IS NULL AND expires_at < ?
     AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.name = old.name) ORDER BY expires_at LIMIT ?)
RETURNING store_key

-- name: old_idempotency
DELETE FROM idempotency WHERE created_at < ?

-- name: old_rates
DELETE FROM rates WHERE due_at < ?

-- name: old_clocks
DELETE FROM clocks WHERE key_id <> '' AND tag <= (
  SELECT v.tag FROM clocks AS v WHERE v.model = clocks.model AND v.key_id = '' AND v.level = 0)

-- name: positions
SELECT tag, seq FROM jobs WHERE model = ? AND state = 'queued' AND run_at IS NULL ORDER BY tag, seq LIMIT 1000

-- name: waiting_counts
SELECT model, key_id, count(*) FROM jobs WHERE state = 'queued' GROUP BY model, key_id

-- name: running_counts
SELECT model, count(*) FROM jobs WHERE state = 'running' GROUP BY model

-- name: running_by_key
SELECT model, key_id, count(*) FROM jobs INDEXED BY jobs_running WHERE state = 'running' GROUP BY model, key_id

-- name: oldest
SELECT created_at FROM jobs WHERE model = ? AND state = 'queued' ORDER BY seq LIMIT 1

-- name: oldest_of_key
SELECT created_at FROM jobs INDEXED BY jobs_waiting_of_key
 WHERE key_id = ? AND state = 'queued' ORDER BY seq LIMIT 1

-- name: running
SELECT id, model, key_id, worker, engine, attempts, started_at, lease_until
  FROM jobs INDEXED BY jobs_running WHERE state = 'running' ORDER BY worker, seq

-- name: stored
SELECT CASE WHEN store_key LIKE 'jobs/%' THEN 'output' WHEN job_id IS NULL THEN 'upload' ELSE 'input' END AS kind,
       count(*), sum(size_bytes)
  FROM files GROUP BY kind ORDER BY kind

-- name: count_usage
INSERT INTO usage (day, model, key_id, succeeded, failed, cancelled, outputs, run_s, cost_usd)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (day, model, key_id) DO UPDATE
   SET succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed,
       cancelled = cancelled + excluded.cancelled, outputs = outputs + excluded.outputs,
       run_s = run_s + excluded.run_s, cost_usd = cost_usd + excluded.cost_usd

-- name: usage
SELECT day, model, key_id, succeeded, failed, cancelled, outputs, run_s, cost_usd
  FROM usage WHERE day >= ? AND day <= ? AND (?3 IS NULL OR key_id = ?3) ORDER BY day, model, key_id

-- name: usage_by_week
SELECT date(day, 'weekday 0', '-6 days') AS monday, model, key_id, sum(succeeded), sum(failed), sum(cancelled),
       sum(outputs), sum(run_s), sum(cost_usd)
  FROM usage WHERE day >= ? AND day <= ? AND (?3 IS NULL OR key_id = ?3)
 GROUP BY monday, model, key_id ORDER BY monday, model, key_id

-- name: used_on
SELECT coalesce(sum(outputs), 0), total(cost_usd) FROM usage INDEXED BY usage_of_key WHERE key_id = ? AND day = ?

-- name: limits
SELECT limits FROM keys WHERE id = ?

-- name: change_key
UPDATE keys SET name = ?, weight = ?, limits = ? WHERE id = ?

-- name: add_key
INSERT INTO keys (id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight, limits)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: key_by_hash
SELECT id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight, limits
  FROM keys WHERE digest = ?

-- name: key
SELECT id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight, limits FROM keys WHERE id = ?

-- name: keys
SELECT id, name, digest, scopes, created_at, hint, last_used_at, revoked_at, weight, limits
  FROM keys ORDER BY created_at, id

-- name: revoke_key
UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?

-- name: key_used
UPDATE keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?

-- name: add_session
INSERT INTO sessions (digest, key_id, created_at, expires_at) VALUES (?, ?, ?, ?)

-- name: key_by_session
SELECT k.id, k.name, k.digest, k.scopes, k.created_at, k.hint, k.last_used_at, k.revoked_at, k.weight,
       k.limits
  FROM sessions AS s JOIN keys AS k ON k.id = s.key_id WHERE s.digest = ? AND s.expires_at > ?

-- name: end_session
DELETE FROM sessions WHERE digest = ? RETURNING key_id

-- name: end_sessions
DELETE FROM sessions WHERE key_id = ? RETURNING digest

-- name: old_sessions
DELETE FROM sessions WHERE expires_at <= ?

-- name: add_worker
INSERT INTO workers (id, said, gateway, terms, registered_at, seen_at, is_claiming, drain_wish)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: workers
SELECT id, said, gateway, terms, registered_at, seen_at, is_claiming, drain_wish
  FROM workers ORDER BY registered_at, id

-- name: worker_seen
UPDATE workers SET seen_at = ?, gateway = ?, is_claiming = ? WHERE id = ?

-- name: wish_drain
UPDATE workers SET drain_wish = 1 WHERE id = ?
RETURNING id, said, gateway, terms, registered_at, seen_at, is_claiming, drain_wish

-- name: forget_workers
DELETE FROM workers WHERE id >= ? AND id < ?

-- name: old_workers
DELETE FROM workers WHERE seen_at < ?
