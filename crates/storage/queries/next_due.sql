-- next_due: seconds until the first retry of partitions $1 that is not due yet. Index: batches_due. Locks: none.
SELECT extract(epoch FROM due_at - now())::double precision AS "seconds!"
FROM signalpost.batches
WHERE due_at > now() AND mapping_id % 64 = ANY ($1::smallint[])
ORDER BY due_at
LIMIT 1
