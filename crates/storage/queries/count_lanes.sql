-- count_lanes: how much waits in the lanes $1. Index: batches_pkey; payloads are not read, only their lengths. Locks: none.
SELECT k.mapping_id AS "mapping_id!", n.batches AS "batches!", n.events AS "events!", n.bytes AS "bytes!",
       n.retrying_batches AS "retrying_batches!", n.next_due_at
FROM unnest($1::bigint[]) AS k (mapping_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS batches, coalesce(sum(event_count), 0) AS events, coalesce(sum(octet_length(payload)), 0) AS bytes,
           count(due_at) AS retrying_batches, min(due_at) AS next_due_at
    FROM signalpost.batches WHERE mapping_id = k.mapping_id
) AS n
