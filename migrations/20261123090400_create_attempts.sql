-- The delivery log: a row per request, a table per day, dropped when old.
CREATE TABLE signalpost.attempts (
    mapping_id bigint NOT NULL,
    started_at timestamptz NOT NULL,
    batch_id uuid NOT NULL,
    attempt integer NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('delivered', 'retryable', 'rejected')),
    status smallint,
    error text,
    response text,
    event_count integer NOT NULL,
    body_bytes bigint NOT NULL,
    latency_ms real NOT NULL
) PARTITION BY RANGE (started_at);
CREATE INDEX attempts_lane ON signalpost.attempts (mapping_id, started_at);
CREATE INDEX attempts_failures ON signalpost.attempts (started_at) WHERE outcome <> 'delivered';
COMMENT ON TABLE signalpost.attempts IS 'The delivery log: one row per HTTP request, partitioned by day (UTC).';
COMMENT ON COLUMN signalpost.attempts.mapping_id IS 'The mapping whose batch was sent.';
COMMENT ON COLUMN signalpost.attempts.started_at IS 'When the request was sent.';
COMMENT ON COLUMN signalpost.attempts.batch_id IS 'X-Signalpost-Batch-Id of the request; the same on every attempt.';
COMMENT ON COLUMN signalpost.attempts.attempt IS '1 for the first attempt.';
COMMENT ON COLUMN signalpost.attempts.outcome IS 'What the attempt proved: delivered, retryable or rejected.';
COMMENT ON COLUMN signalpost.attempts.status IS 'HTTP status; null when there was no answer.';
COMMENT ON COLUMN signalpost.attempts.error IS 'What went wrong, in words; null when delivered.';
COMMENT ON COLUMN signalpost.attempts.response IS 'Beginning of the receiver''s answer; only kept when it failed.';
COMMENT ON COLUMN signalpost.attempts.event_count IS 'Events in the request.';
COMMENT ON COLUMN signalpost.attempts.body_bytes IS 'Bytes of the request''s body.';
COMMENT ON COLUMN signalpost.attempts.latency_ms IS 'Milliseconds from sending the request to knowing its outcome.';

-- Settling must never fail for want of a day's table.
CREATE TABLE signalpost.attempts_other PARTITION OF signalpost.attempts DEFAULT;
COMMENT ON TABLE signalpost.attempts_other IS 'Attempts of days that have no table yet; empty in normal operation.';

CREATE FUNCTION signalpost.maintain_attempts(keep_days integer, ahead_days integer DEFAULT 7)
RETURNS TABLE (change text, name text) LANGUAGE plpgsql AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    day date;
    child record;
BEGIN
    IF keep_days < 1 THEN
        RAISE EXCEPTION 'keep_days must be at least 1, not %', keep_days;
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtext('signalpost.maintain_attempts')) THEN
        RETURN; -- another process is at it
    END IF;
    FOR day IN SELECT today + offset_days FROM generate_series(0, ahead_days) AS offset_days LOOP
        name := 'attempts_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass('signalpost.' || name) IS NOT NULL;
        EXECUTE format('CREATE TABLE signalpost.%I (LIKE signalpost.attempts INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
        EXECUTE format('WITH moved AS (DELETE FROM signalpost.attempts_other WHERE started_at >= %L AND started_at < %L RETURNING *)
                        INSERT INTO signalpost.%I SELECT * FROM moved',
                       day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC', name);
        EXECUTE format('ALTER TABLE signalpost.attempts ATTACH PARTITION signalpost.%I FOR VALUES FROM (%L) TO (%L)',
                       name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
        change := 'created';
        RETURN NEXT;
    END LOOP;
    FOR child IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'signalpost.attempts'::regclass AND c.relname ~ '^attempts_[0-9]{8}$'
          AND to_date(right(c.relname, 8), 'YYYYMMDD') <= today - keep_days
    LOOP
        EXECUTE format('DROP TABLE signalpost.%I', child.relname);
        change := 'dropped';
        name := child.relname;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION signalpost.maintain_attempts(integer, integer) IS
    'Makes the delivery log''s tables for the days ahead and drops those older than keep_days. The dispatcher calls it; harmless to call by hand.';
SELECT count(*) FROM signalpost.maintain_attempts(7);
