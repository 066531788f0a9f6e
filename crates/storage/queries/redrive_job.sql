-- redrive_job: the running redrive whose step has been due longest, if no other dispatcher is at it. Index: redrives_running.
-- Locks: its row, skipping those that are locked.
SELECT id, mapping_ids, dead_position, reason, since, until, created_at, events_per_second, at_mapping_id, at_position
FROM signalpost.redrives
WHERE state = 'running' AND next_step_at <= now()
ORDER BY next_step_at
LIMIT 1
FOR UPDATE SKIP LOCKED
