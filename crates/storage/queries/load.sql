-- load: the rows of keys ($1, $2) that still exist. Index: batches_pkey, one look a key (`= ANY`: as in settle). Locks: none.
SELECT b.mapping_id, b.position, b.event_count, b.payload, b.target, b.attempts, b.batch_id, b.enqueued_at, b.traces,
       extract(epoch FROM now() - b.enqueued_at)::double precision AS "age!", b.due_at IS NOT NULL AS "scheduled!"
FROM unnest($1::bigint[], $2::bigint[]) AS k (mapping_id, position)
JOIN signalpost.batches b ON b.mapping_id = ANY (ARRAY[k.mapping_id]) AND b.position = k.position
