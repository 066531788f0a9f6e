-- Where an event came from, for whoever traces it. Null unless a call is traced or its destination asks for it: then a row
-- is as large as before.
ALTER TABLE signalpost.batches ADD COLUMN traces text;
COMMENT ON COLUMN signalpost.batches.traces IS
    'W3C traceparents of (some of) the calls that brought its events, separated by blanks; null: none is traced.';
