-- enqueue: new batches, one row each, positions in the order given. Index: none read. Locks: none.
INSERT INTO signalpost.batches (mapping_id, event_count, payload, target, traces)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[])
