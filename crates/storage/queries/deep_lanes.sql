-- deep_lanes: lanes of partitions $2, which owner $1 has acquired, in which $3 rows or more wait or are dead; what owners before it
-- said of their lanes is forgotten. Index: batches_pkey and dead_batches_pkey, so many rows a mapping at most. Locks: forgotten rows.
WITH forgotten AS (
    DELETE FROM signalpost.lane_states s
    USING signalpost.partitions p
    WHERE p.number = ANY ($2::smallint[]) AND p.owner = $1 AND s.mapping_id % 64 = p.number
      AND (s.owner <> p.owner OR s.epoch <> p.epoch)
)
SELECT m.id AS mapping_id, waiting.rows >= $3 AS "waits!", dead.rows >= $3 AS "is_dead!"
FROM signalpost.mappings m
CROSS JOIN LATERAL (
    SELECT count(*) AS rows
    FROM (SELECT FROM signalpost.batches WHERE mapping_id = m.id ORDER BY position LIMIT $3) AS b
) AS waiting
CROSS JOIN LATERAL (
    SELECT count(*) AS rows
    FROM (SELECT FROM signalpost.dead_batches WHERE mapping_id = m.id ORDER BY position LIMIT $3) AS d
) AS dead
WHERE m.id % 64 = ANY ($2::smallint[]) AND (waiting.rows >= $3 OR dead.rows >= $3)
