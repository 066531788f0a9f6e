-- page: the next $3 rows of lane $1 after position $2, in order; scheduled ones only if $4. Index: batches_pkey. Locks: none.
SELECT mapping_id, position, event_count, octet_length(payload) AS "bytes!", due_at IS NOT NULL AS "scheduled!"
FROM signalpost.batches
WHERE mapping_id = $1 AND position > $2 AND (due_at IS NULL OR $4)
ORDER BY position
LIMIT $3
