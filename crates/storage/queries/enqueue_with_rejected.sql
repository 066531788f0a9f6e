-- enqueue with rejected: new batches and the events that could not be mapped, together. Index: none read. Locks: none.
WITH rejected AS (
    INSERT INTO signalpost.rejected_events (mapping_id, message_id, path, reason, event)
    SELECT * FROM unnest($6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[])
)
INSERT INTO signalpost.batches (mapping_id, event_count, payload, target, traces)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[])
