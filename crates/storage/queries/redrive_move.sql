-- redrive_move: the dead letters at positions $2 of lane $1 wait again, as if they had never been tried; returns how many events.
-- One whose address is in use stays dead. Index: dead_batches_pkey, one look a row. Locks: the rows.
WITH risen AS (
    DELETE FROM signalpost.dead_batches d
    WHERE d.mapping_id = $1 AND d.position = ANY ($2::bigint[])
      AND NOT EXISTS (SELECT FROM signalpost.batches b WHERE b.mapping_id = $1 AND b.position = d.position OFFSET 0)
    RETURNING d.mapping_id, d.position, d.event_count, d.payload, d.target, d.last_error
), queued AS (
    INSERT INTO signalpost.batches (mapping_id, position, event_count, payload, target, last_error)
    SELECT * FROM risen
    RETURNING event_count
)
SELECT coalesce(sum(event_count), 0) AS "events!" FROM queued
