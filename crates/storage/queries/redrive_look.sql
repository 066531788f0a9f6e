-- redrive_look: the next $3 dead letters of lane $1 after address $2, and whether they fit: position $4, reason $5, given up
-- since $6, before $7, and not after $8. Index: dead_batches_pkey. Locks: none.
SELECT position, event_count, octet_length(payload) AS "bytes!",
       buried_at <= $8 AND ($4::bigint IS NULL OR position = $4) AND ($5::text IS NULL OR reason = $5)
       AND ($6::timestamptz IS NULL OR buried_at >= $6) AND ($7::timestamptz IS NULL OR buried_at < $7) AS "fits!"
FROM signalpost.dead_batches
WHERE mapping_id = $1 AND position > $2
ORDER BY position
LIMIT $3
