-- Dispatchers have rows of their lanes in memory. That a lane was purged is told with the catalog, as a pause is: its owner
-- forgets what it had and reads the queue anew. A dispatcher of the previous release takes no notice.
CREATE TABLE signalpost.lane_purges (
    mapping_id bigint PRIMARY KEY REFERENCES signalpost.mappings (id) ON DELETE CASCADE,
    purges bigint NOT NULL
);
COMMENT ON TABLE signalpost.lane_purges IS
    'How often what waited in a lane was purged: a dispatcher that sees another number forgets what it has of the lane and reads the queue anew.';
COMMENT ON COLUMN signalpost.lane_purges.mapping_id IS 'Whose lane.';
COMMENT ON COLUMN signalpost.lane_purges.purges IS 'How often.';
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE ON signalpost.lane_purges
    FOR EACH STATEMENT EXECUTE FUNCTION signalpost.catalog_changed();

CREATE FUNCTION signalpost.lane_purged(mapping_id bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO signalpost.lane_purges AS p (mapping_id, purges)
    SELECT m.id, 1 FROM signalpost.mappings m WHERE m.id = lane_purged.mapping_id
    ON CONFLICT ON CONSTRAINT lane_purges_pkey DO UPDATE SET purges = p.purges + 1
$$;
COMMENT ON FUNCTION signalpost.lane_purged(bigint) IS
    'Internal: tells the dispatchers that what waited in a lane was purged. Nobody else may call it.';
REVOKE EXECUTE ON FUNCTION signalpost.lane_purged(bigint) FROM PUBLIC;

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
