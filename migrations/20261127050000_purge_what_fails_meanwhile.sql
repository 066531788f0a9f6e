-- What fails while its lane is purged is written anew, at another address, and a purge that has passed there did not see it. So `purge`
-- goes on until nothing is left of what had been accepted when it began. Settlements lock rows in the order of the lane, as this does;
-- where two wait for each other all the same, this one begins again.
CREATE FUNCTION signalpost.delete_queued(mapping_id bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    began timestamptz := clock_timestamp();
    is_first boolean := true;
    events bigint := 0;
    gone bigint;
BEGIN
    LOOP
        WITH waiting AS MATERIALIZED (
            SELECT b.position FROM signalpost.batches b
            WHERE b.mapping_id = delete_queued.mapping_id AND (is_first OR b.enqueued_at <= began)
            ORDER BY b.position FOR UPDATE
        ), deleted AS (
            DELETE FROM signalpost.batches b USING waiting w
            WHERE b.mapping_id = delete_queued.mapping_id AND b.position = w.position
            RETURNING b.event_count
        )
        SELECT coalesce(sum(event_count), 0) INTO gone FROM deleted;
        events := events + gone;
        is_first := false;
        EXIT WHEN NOT EXISTS (
            SELECT FROM signalpost.batches b WHERE b.mapping_id = delete_queued.mapping_id AND b.enqueued_at <= began);
    END LOOP;
    RETURN events;
END $$;
COMMENT ON FUNCTION signalpost.delete_queued(bigint) IS
    'Internal: deletes what waits in a lane, and what becomes of it meanwhile. Nobody else may call it.';
REVOKE EXECUTE ON FUNCTION signalpost.delete_queued(bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION signalpost.purge(mapping_id bigint, what text, confirm text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    full_name text := signalpost.expect_mapping(mapping_id);
    events bigint;
BEGIN
    IF confirm IS DISTINCT FROM full_name THEN
        RAISE EXCEPTION 'purging deletes events for good: repeat the mapping''s full name, %, as the third argument', full_name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    CASE what
        WHEN 'queued' THEN
            FOR attempt IN 1..5 LOOP
                BEGIN
                    events := signalpost.delete_queued(mapping_id);
                    EXIT;
                EXCEPTION WHEN deadlock_detected THEN
                    IF attempt = 5 THEN RAISE; END IF;
                END;
            END LOOP;
            PERFORM signalpost.lane_purged(mapping_id);
        WHEN 'dead' THEN
            WITH gone AS (DELETE FROM signalpost.dead_batches d WHERE d.mapping_id = purge.mapping_id RETURNING d.event_count)
            SELECT coalesce(sum(event_count), 0) INTO events FROM gone;
        WHEN 'rejected' THEN
            WITH gone AS (DELETE FROM signalpost.rejected_events r WHERE r.mapping_id = purge.mapping_id RETURNING 1)
            SELECT count(*) INTO events FROM gone;
        ELSE
            RAISE EXCEPTION 'what to purge is ''queued'', ''dead'' or ''rejected'', not %', quote_nullable(what)
                USING ERRCODE = 'invalid_parameter_value';
    END CASE;
    PERFORM signalpost.record_operation('lane.purge', full_name, mapping_id, json_build_object('what', what), events);
    RETURN events;
END $$;
