-- redrive_split: the first $4 events of the dead letter at position $2 of lane $1, which has $3, wait again; the others stay dead
-- at the address of the first of them. Returns how many events. Index: dead_batches_pkey. Locks: the row.
WITH risen AS (
    DELETE FROM signalpost.dead_batches d
    WHERE d.mapping_id = $1 AND d.position = $2 AND d.event_count = $3
      AND NOT EXISTS (SELECT FROM signalpost.batches b WHERE b.mapping_id = $1 AND b.position = d.position)
    RETURNING d.*
), parts AS (
    SELECT e.ordinality > $4::integer AS stays, count(*)::integer AS event_count,
           '[' || string_agg(e.value::text, ',' ORDER BY e.ordinality) || ']' AS payload
    FROM risen CROSS JOIN LATERAL json_array_elements(risen.payload::json) WITH ORDINALITY AS e (value, ordinality)
    GROUP BY e.ordinality > $4::integer
), kept AS (
    INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, target, attempts, batch_id, last_error,
                                         enqueued_at, reason, status, response, buried_at)
    SELECT r.mapping_id, r.position + $4::integer, p.event_count, p.payload, r.target, r.attempts, r.batch_id, r.last_error,
           r.enqueued_at, r.reason, r.status, r.response, r.buried_at
    FROM risen r CROSS JOIN parts p WHERE p.stays
), queued AS (
    INSERT INTO signalpost.batches (mapping_id, position, event_count, payload, target, last_error)
    SELECT r.mapping_id, r.position, p.event_count, p.payload, r.target, r.last_error
    FROM risen r CROSS JOIN parts p WHERE NOT p.stays
    RETURNING event_count
)
SELECT coalesce(sum(event_count), 0) AS "events!" FROM queued
