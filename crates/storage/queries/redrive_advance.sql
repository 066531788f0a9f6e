-- redrive_advance: redrive $1 has queued $2 more events and come to address $4 of lane $3; without a lane it is done. It goes on
-- when its pace allows, or not before $6 because of $5. Index: redrives_pkey. Locks: its row, which is locked already.
UPDATE signalpost.redrives
SET events_redriven = events_redriven + $2,
    at_mapping_id = coalesce($3, at_mapping_id), at_position = coalesce($4, at_position),
    state = CASE WHEN $3::bigint IS NULL THEN 'done' ELSE state END,
    ended_at = CASE WHEN $3::bigint IS NULL THEN now() END,
    why = $5,
    next_step_at = greatest(
        now() + $6::interval,
        -- What was missed is made up for, by a second's worth at most.
        CASE WHEN events_per_second > 0 AND $2::bigint > 0
             THEN greatest(next_step_at, now() - interval '1s') + make_interval(secs => $2 / events_per_second)
             ELSE now() END)
WHERE id = $1
