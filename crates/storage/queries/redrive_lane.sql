-- redrive_lane: the first of the mappings $1 after $2 that still exists and has dead letters. Index: dead_batches_pkey, one look
-- a mapping. Locks: none.
SELECT m.id
FROM signalpost.mappings m
WHERE m.id = ANY ($1::bigint[]) AND ($2::bigint IS NULL OR m.id > $2)
  AND EXISTS (SELECT FROM signalpost.dead_batches d WHERE d.mapping_id = m.id)
ORDER BY m.id
LIMIT 1
