-- survey: how many partitions nobody holds, the time, and the lanes of owner $1's partitions that hold anything: for how
-- long their first row waits. A row without a lane when there is none. Index: batches_pkey, one look a mapping. Locks: none.
SELECT held.unowned AS "unowned!", held.seconds AS "seconds!", lane.mapping_id AS "mapping_id?", lane.age AS "age?"
FROM (
    SELECT count(*) FILTER (WHERE p.owner IS NULL OR p.lease_ends_at < now()) AS unowned,
           extract(epoch FROM clock_timestamp())::double precision AS seconds,
           array_agg(p.number) FILTER (WHERE p.owner = $1) AS mine
    FROM signalpost.partitions p
) AS held
LEFT JOIN LATERAL (
    SELECT m.id AS mapping_id, extract(epoch FROM now() - oldest.enqueued_at)::double precision AS age
    FROM signalpost.mappings m
    CROSS JOIN LATERAL (
        SELECT b.enqueued_at FROM signalpost.batches b WHERE b.mapping_id = m.id ORDER BY b.position LIMIT 1
    ) AS oldest
    WHERE m.id % 64 = ANY (held.mine)
) AS lane ON true
