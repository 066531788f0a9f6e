-- page: the next $3 rows of lane $1 after position $2, in order; scheduled ones only if $4. Index: batches_pkey. Locks: none.
SELECT mapping_id, position, event_count, octet_length(payload) AS "bytes!", extract(epoch FROM due_at - now())::double precision AS due_in
FROM signalpost.batches
WHERE mapping_id = $1 AND position > $2 AND (due_at IS NULL OR $4)
ORDER BY position
LIMIT $3
