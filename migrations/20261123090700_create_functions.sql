-- What operators do with psql: guarded by checks, and each call logged.
CREATE TABLE signalpost.operations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    done_at timestamptz NOT NULL DEFAULT now(),
    done_by text NOT NULL DEFAULT session_user,
    operation text NOT NULL,
    mapping_id bigint NOT NULL,
    arguments text NOT NULL,
    affected bigint NOT NULL
);
COMMENT ON TABLE signalpost.operations IS 'What operators did: one row for each call of pause, resume, retry_now, redrive or purge.';
COMMENT ON COLUMN signalpost.operations.id IS 'Number of the row.';
COMMENT ON COLUMN signalpost.operations.done_at IS 'When.';
COMMENT ON COLUMN signalpost.operations.done_by IS 'The database user.';
COMMENT ON COLUMN signalpost.operations.operation IS 'The function that was called.';
COMMENT ON COLUMN signalpost.operations.mapping_id IS 'The mapping it was called for.';
COMMENT ON COLUMN signalpost.operations.arguments IS 'What else it was called with.';
COMMENT ON COLUMN signalpost.operations.affected IS 'How many events, or batches for retry_now, it concerned.';

CREATE FUNCTION signalpost.expect_mapping(mapping_id bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    full_name text;
BEGIN
    SELECT l.source || '/' || l.destination || '/' || l.mapping INTO full_name
    FROM signalpost.lanes l WHERE l.mapping_id = expect_mapping.mapping_id;
    IF full_name IS NULL THEN
        RAISE EXCEPTION 'there is no mapping %', mapping_id
            USING HINT = 'SELECT mapping_id, source, destination, mapping FROM signalpost.lanes';
    END IF;
    RETURN full_name;
END $$;
COMMENT ON FUNCTION signalpost.expect_mapping(bigint) IS 'The full name source/destination/mapping; an error that says where to look when there is none.';

CREATE FUNCTION signalpost.pause(mapping_id bigint, why text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    full_name text := signalpost.expect_mapping(mapping_id);
BEGIN
    IF coalesce(why, '') = '' THEN
        RAISE EXCEPTION 'say why: it is shown in the queue view';
    END IF;
    UPDATE signalpost.mappings m SET paused_at = coalesce(m.paused_at, now()), paused_why = why WHERE m.id = pause.mapping_id;
    INSERT INTO signalpost.operations (operation, mapping_id, arguments, affected) VALUES ('pause', pause.mapping_id, why, 0);
    RETURN 'paused ' || full_name || ': events are still queued, nothing is sent until signalpost.resume(' || mapping_id || ')';
END $$;
COMMENT ON FUNCTION signalpost.pause(bigint, text) IS 'Stops sending for a mapping, within a second; its events are still queued.';

CREATE FUNCTION signalpost.resume(mapping_id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    full_name text := signalpost.expect_mapping(mapping_id);
BEGIN
    UPDATE signalpost.mappings m SET paused_at = NULL, paused_why = NULL WHERE m.id = resume.mapping_id;
    INSERT INTO signalpost.operations (operation, mapping_id, arguments, affected) VALUES ('resume', resume.mapping_id, '', 0);
    RETURN 'resumed ' || full_name;
END $$;
COMMENT ON FUNCTION signalpost.resume(bigint) IS 'Goes on sending for a paused mapping.';

CREATE FUNCTION signalpost.retry_now(mapping_id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    batches bigint;
BEGIN
    PERFORM signalpost.expect_mapping(mapping_id);
    UPDATE signalpost.batches b SET due_at = now() WHERE b.mapping_id = retry_now.mapping_id AND b.due_at > now();
    GET DIAGNOSTICS batches = ROW_COUNT;
    INSERT INTO signalpost.operations (operation, mapping_id, arguments, affected)
    VALUES ('retry_now', retry_now.mapping_id, '', batches);
    PERFORM pg_notify('signalpost_batches', '');
    RETURN batches;
END $$;
COMMENT ON FUNCTION signalpost.retry_now(bigint) IS 'Makes every scheduled retry of a mapping due at once; returns how many batches.';

CREATE FUNCTION signalpost.redrive(mapping_id bigint, with_reason text DEFAULT NULL, at_position bigint DEFAULT NULL,
                                   dry_run boolean DEFAULT false) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    events bigint;
BEGIN
    PERFORM signalpost.expect_mapping(mapping_id);
    IF dry_run THEN
        SELECT coalesce(sum(d.event_count), 0) INTO events FROM signalpost.dead_batches d
        WHERE d.mapping_id = redrive.mapping_id AND (with_reason IS NULL OR d.reason = with_reason)
          AND (at_position IS NULL OR d.position = at_position);
        RETURN events;
    END IF;
    WITH risen AS (
        DELETE FROM signalpost.dead_batches d
        WHERE d.mapping_id = redrive.mapping_id AND (with_reason IS NULL OR d.reason = with_reason)
          AND (at_position IS NULL OR d.position = at_position)
        RETURNING d.mapping_id, d.position, d.event_count, d.payload, d.target, d.last_error
    ), queued AS (
        INSERT INTO signalpost.batches (mapping_id, position, event_count, payload, target, last_error)
        SELECT * FROM risen RETURNING event_count
    )
    SELECT coalesce(sum(event_count), 0) INTO events FROM queued;
    INSERT INTO signalpost.operations (operation, mapping_id, arguments, affected)
    VALUES ('redrive', redrive.mapping_id, concat_ws(' ', 'reason', with_reason, 'position', at_position), events);
    PERFORM pg_notify('signalpost_batches', '');
    RETURN events;
END $$;
COMMENT ON FUNCTION signalpost.redrive(bigint, text, bigint, boolean) IS
    'Queues dead letters of a mapping again, all or those of a reason or position; returns how many events. With dry_run only counts.';

CREATE FUNCTION signalpost.purge(mapping_id bigint, what text, confirm text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    full_name text := signalpost.expect_mapping(mapping_id);
    events bigint;
BEGIN
    IF confirm IS DISTINCT FROM full_name THEN
        RAISE EXCEPTION 'purging deletes events for good: repeat the mapping''s full name, %, as the third argument', full_name;
    END IF;
    CASE what
        WHEN 'queued' THEN
            WITH gone AS (DELETE FROM signalpost.batches b WHERE b.mapping_id = purge.mapping_id RETURNING b.event_count)
            SELECT coalesce(sum(event_count), 0) INTO events FROM gone;
        WHEN 'dead' THEN
            WITH gone AS (DELETE FROM signalpost.dead_batches d WHERE d.mapping_id = purge.mapping_id RETURNING d.event_count)
            SELECT coalesce(sum(event_count), 0) INTO events FROM gone;
        WHEN 'rejected' THEN
            WITH gone AS (DELETE FROM signalpost.rejected_events r WHERE r.mapping_id = purge.mapping_id RETURNING 1)
            SELECT count(*) INTO events FROM gone;
        ELSE
            RAISE EXCEPTION 'what to purge is ''queued'', ''dead'' or ''rejected'', not %', quote_nullable(what);
    END CASE;
    INSERT INTO signalpost.operations (operation, mapping_id, arguments, affected)
    VALUES ('purge', purge.mapping_id, what, events);
    RETURN events;
END $$;
COMMENT ON FUNCTION signalpost.purge(bigint, text, text) IS
    'Deletes the queued, dead or rejected events of a mapping for good; the third argument repeats its full name. Returns how many.';
