-- backlog: lanes of partitions $1 with at least one fresh row. Index: batches_pkey, one look a mapping. Locks: none.
SELECT m.id
FROM signalpost.mappings m
CROSS JOIN LATERAL (
    SELECT FROM signalpost.batches b WHERE b.mapping_id = m.id AND b.due_at IS NULL ORDER BY b.position LIMIT 1
) AS fresh
WHERE m.id % 64 = ANY ($1::smallint[])
