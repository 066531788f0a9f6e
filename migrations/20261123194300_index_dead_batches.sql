-- Dead letters of a lane, newest first, without reading them all.
CREATE INDEX dead_batches_lane ON signalpost.dead_batches (mapping_id, buried_at DESC, position DESC);
