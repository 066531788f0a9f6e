-- heartbeat: dispatcher $1 named $2 is alive; gives back partitions $4, renews the others for $3, takes what is free or
-- expired up to its fair share among those that do not stop, which is none when it stops ($5). At least one row, which carries the share; of each partition, for how long no request that
-- was not recorded can have been made. Index: partitions_pkey. Locks: the partitions,
-- skipping those that another dispatcher is taking.
WITH me AS (
    INSERT INTO signalpost.dispatchers (id, name, is_stopping) VALUES ($1, $2, $5)
    ON CONFLICT (id) DO UPDATE SET seen_at = now(), is_stopping = excluded.is_stopping
), buried AS (
    DELETE FROM signalpost.dispatchers WHERE id <> $1 AND seen_at < now() - 20 * $3::interval
), fair AS (
    SELECT CASE WHEN $5 THEN 0 ELSE ceil(64.0 / (count(*) + 1))::integer END AS share
    FROM signalpost.dispatchers WHERE id <> $1 AND seen_at > now() - $3::interval AND NOT is_stopping
), mine AS (
    SELECT number FROM signalpost.partitions WHERE owner = $1 AND number <> ALL ($4::smallint[])
), free AS (
    SELECT number, owner IS NOT NULL AS taken_over
    FROM signalpost.partitions
    WHERE owner IS NULL OR (owner <> $1 AND lease_ends_at <= now())
    ORDER BY number
    LIMIT greatest((SELECT share FROM fair) - (SELECT count(*) FROM mine), 0)
    FOR UPDATE SKIP LOCKED
), released AS (
    UPDATE signalpost.partitions SET owner = NULL, lease_ends_at = NULL
    WHERE owner = $1 AND number = ANY ($4::smallint[])
), held AS (
    UPDATE signalpost.partitions p
    SET owner = $1, lease_ends_at = now() + $3::interval,
        epoch = CASE WHEN p.owner = $1 THEN p.epoch ELSE p.epoch + 1 END,
        maybe_repeated_before = CASE WHEN w.taken_over THEN now() ELSE p.maybe_repeated_before END
    FROM (SELECT number, false AS taken_over FROM mine UNION ALL SELECT number, taken_over FROM free) AS w
    WHERE p.number = w.number AND (p.owner = $1 OR p.owner IS NULL OR p.lease_ends_at <= now())
    RETURNING p.number, p.epoch, w.taken_over,
              extract(epoch FROM now() - p.maybe_repeated_before)::double precision AS maybe_repeated
)
SELECT fair.share AS "share!", held.number AS "number?", held.epoch AS "epoch?", held.taken_over AS "taken_over?",
       held.maybe_repeated AS "maybe_repeated?"
FROM fair LEFT JOIN held ON true
