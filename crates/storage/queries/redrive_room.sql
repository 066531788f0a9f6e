-- redrive_room: how much of lane $1 may wait, and how much does, of which at most $2 rows are counted and none if there is no
-- limit. No row: there is no such mapping any more. Index: batches_pkey. Locks: none.
SELECT l.events_max, l.bytes_max, w.batches AS "batches!", w.events AS "events!", w.bytes AS "bytes!"
FROM signalpost.lane_limits l
CROSS JOIN LATERAL (
    SELECT count(*) AS batches, coalesce(sum(b.event_count), 0) AS events, coalesce(sum(b.bytes), 0) AS bytes
    FROM (
        SELECT event_count, octet_length(payload) AS bytes FROM signalpost.batches
        WHERE mapping_id = $1 AND coalesce(l.events_max, l.bytes_max) IS NOT NULL
        LIMIT $2
    ) AS b
) AS w
WHERE l.mapping_id = $1
