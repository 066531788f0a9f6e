-- count_dead: how many events are dead letters in the lanes $1, and in how many rows. Index: dead_batches_pkey. Locks: none.
SELECT k.mapping_id AS "mapping_id!", n.batches AS "batches!", n.events AS "events!"
FROM unnest($1::bigint[]) AS k (mapping_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS batches, coalesce(sum(event_count), 0) AS events
    FROM signalpost.dead_batches WHERE mapping_id = k.mapping_id
) AS n
