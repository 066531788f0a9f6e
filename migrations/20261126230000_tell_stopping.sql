-- A dispatcher that stops gives its partitions back one by one, each as soon as nothing is under way in it. The others need to know
-- that it wants none any more: their fair share is of those that stay. A dispatcher of the previous release says nothing, and
-- gives back everything at its end.
ALTER TABLE signalpost.dispatchers ADD COLUMN is_stopping boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN signalpost.dispatchers.is_stopping IS 'It finishes what is under way, and takes nothing.';
