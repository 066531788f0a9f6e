-- due: at most $3 retries of partitions $1 that are due, except of lanes $2, longest due first. Index: batches_due. Locks: none.
SELECT mapping_id, position, event_count, octet_length(payload) AS "bytes!", 0::double precision AS due_in
FROM signalpost.batches
WHERE due_at <= now() AND mapping_id % 64 = ANY ($1::smallint[]) AND mapping_id <> ALL ($2::bigint[])
ORDER BY due_at
LIMIT $3
