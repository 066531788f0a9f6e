-- The functions that operators call run with the rights of the schema's owner, so that a role needs none on the tables;
-- what they do is recorded in one place.
ALTER TABLE signalpost.operations ALTER COLUMN mapping_id DROP NOT NULL;
ALTER TABLE signalpost.operations ADD COLUMN subject text;
COMMENT ON COLUMN signalpost.operations.operation IS 'What was done: lane.pause, redrive.create, …';
COMMENT ON COLUMN signalpost.operations.mapping_id IS 'The mapping it was done to; null for more than one.';
COMMENT ON COLUMN signalpost.operations.arguments IS 'What else there is to say, as JSON.';
COMMENT ON COLUMN signalpost.operations.subject IS 'What it was done to: shop, shop/warehouse or shop/warehouse/orders.';

CREATE FUNCTION signalpost.record_operation(action text, subject text, mapping_id bigint, detail json, affected bigint)
RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO signalpost.operations (operation, subject, mapping_id, arguments, affected)
    VALUES (action, subject, mapping_id, detail::text, affected)
$$;
COMMENT ON FUNCTION signalpost.record_operation(text, text, bigint, json, bigint) IS
    'Internal: records what an operator did. Every guarded function calls it; nobody else may.';

CREATE OR REPLACE FUNCTION signalpost.expect_mapping(mapping_id bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    full_name text;
BEGIN
    SELECT l.source || '/' || l.destination || '/' || l.mapping INTO full_name
    FROM signalpost.lanes l WHERE l.mapping_id = expect_mapping.mapping_id;
    IF full_name IS NULL THEN
        RAISE EXCEPTION 'there is no mapping %', mapping_id USING ERRCODE = 'no_data_found',
            HINT = 'SELECT mapping_id, source, destination, mapping FROM signalpost.lanes';
    END IF;
    RETURN full_name;
END $$;

CREATE OR REPLACE FUNCTION signalpost.pause(mapping_id bigint, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    full_name text := signalpost.expect_mapping(mapping_id);
BEGIN
    IF coalesce(why, '') = '' THEN
        RAISE EXCEPTION 'say why: it is shown in the queue view' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE signalpost.mappings m SET paused_at = coalesce(m.paused_at, now()), paused_why = why WHERE m.id = pause.mapping_id;
    PERFORM signalpost.record_operation('lane.pause', full_name, mapping_id, json_build_object('why', why), 0);
    RETURN 'paused ' || full_name || ': events are still queued, nothing is sent until signalpost.resume(' || mapping_id || ')';
END $$;

CREATE OR REPLACE FUNCTION signalpost.resume(mapping_id bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    full_name text := signalpost.expect_mapping(mapping_id);
BEGIN
    UPDATE signalpost.mappings m SET paused_at = NULL, paused_why = NULL WHERE m.id = resume.mapping_id;
    PERFORM signalpost.record_operation('lane.resume', full_name, mapping_id, '{}', 0);
    RETURN 'resumed ' || full_name;
END $$;

CREATE OR REPLACE FUNCTION signalpost.retry_now(mapping_id bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    full_name text := signalpost.expect_mapping(mapping_id);
    batches bigint;
BEGIN
    UPDATE signalpost.batches b SET due_at = now() WHERE b.mapping_id = retry_now.mapping_id AND b.due_at > now();
    GET DIAGNOSTICS batches = ROW_COUNT;
    PERFORM signalpost.record_operation('lane.retry_now', full_name, mapping_id, '{}', batches);
    PERFORM pg_notify('signalpost_batches', '');
    RETURN batches;
END $$;

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
            WITH gone AS (DELETE FROM signalpost.batches b WHERE b.mapping_id = purge.mapping_id RETURNING b.event_count)
            SELECT coalesce(sum(event_count), 0) INTO events FROM gone;
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

REVOKE EXECUTE ON FUNCTION signalpost.record_operation(text, text, bigint, json, bigint), signalpost.pause(bigint, text),
    signalpost.resume(bigint), signalpost.retry_now(bigint), signalpost.purge(bigint, text, text) FROM PUBLIC;
