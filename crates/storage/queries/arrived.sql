-- arrived: fresh rows of partitions $2 that became visible since snapshot $1, at most $4; always at least one row, which carries
-- the new snapshot. All of each row when their payloads have no more than $3 bytes together, or else only what says where it is.
-- Index: batches_arrival (from the snapshot's end, and once for each transaction it saw in progress). Locks: none.
SELECT pg_current_snapshot()::text AS "snapshot!", b.mapping_id AS "mapping_id?", b.position AS "position?",
       b.event_count AS "event_count?", b.bytes AS "bytes?",
       CASE WHEN sum(b.bytes) OVER () <= $3::bigint THEN b.payload END AS "payload?", b.target, b.attempts AS "attempts?",
       b.batch_id, b.enqueued_at AS "enqueued_at?", b.traces,
       extract(epoch FROM now() - b.enqueued_at)::double precision AS "age?"
FROM (VALUES (true)) AS always (present)
LEFT JOIN LATERAL (
    SELECT mapping_id, position, event_count, octet_length(payload) AS bytes, payload, target, attempts, batch_id, enqueued_at,
           traces
    FROM signalpost.batches
    WHERE transaction_id >= pg_snapshot_xmax($1::text::pg_snapshot) AND due_at IS NULL
      AND mapping_id % 64 = ANY ($2::smallint[])
    UNION ALL
    SELECT mapping_id, position, event_count, octet_length(payload), payload, target, attempts, batch_id, enqueued_at, traces
    FROM signalpost.batches
    WHERE transaction_id = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))) AND due_at IS NULL
      AND mapping_id % 64 = ANY ($2::smallint[])
    LIMIT $4
) AS b ON true
