-- "Retry now" means that the receiver is back. Its dispatcher looked for retries that are due every ten seconds at the latest, and its
-- breaker waited for its next probe, up to a minute. It is told with the catalog now, as a pause is. A dispatcher of the
-- previous release takes no notice, and finds them as before.
CREATE TABLE signalpost.lane_retries (
    mapping_id bigint PRIMARY KEY REFERENCES signalpost.mappings (id) ON DELETE CASCADE,
    retries bigint NOT NULL
);
COMMENT ON TABLE signalpost.lane_retries IS
    'How often somebody made what is scheduled in a lane due at once: a dispatcher that sees another number looks for it, and probes.';
COMMENT ON COLUMN signalpost.lane_retries.mapping_id IS 'Whose lane.';
COMMENT ON COLUMN signalpost.lane_retries.retries IS 'How often.';
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE ON signalpost.lane_retries
    FOR EACH STATEMENT EXECUTE FUNCTION signalpost.catalog_changed();

CREATE OR REPLACE FUNCTION signalpost.retry_now(mapping_id bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    full_name text := signalpost.expect_mapping(mapping_id);
    batches bigint;
BEGIN
    UPDATE signalpost.batches b SET due_at = now() WHERE b.mapping_id = retry_now.mapping_id AND b.due_at > now();
    GET DIAGNOSTICS batches = ROW_COUNT;
    INSERT INTO signalpost.lane_retries AS r (mapping_id, retries) VALUES (retry_now.mapping_id, 1)
    ON CONFLICT ON CONSTRAINT lane_retries_pkey DO UPDATE SET retries = r.retries + 1;
    PERFORM signalpost.record_operation('lane.retry_now', full_name, mapping_id, '{}', batches);
    RETURN batches;
END $$;
