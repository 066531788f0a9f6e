-- An owner that died, lost its lease or was cut off may have sent what it could not record. That has to be known to every
-- owner after it, also to one that got the partition in order, or whose heartbeat's answer was lost.
ALTER TABLE signalpost.partitions ADD COLUMN maybe_repeated_before timestamptz;
COMMENT ON COLUMN signalpost.partitions.maybe_repeated_before IS
    'What was queued before then may have been sent by an owner that could not record it; null: never.';
