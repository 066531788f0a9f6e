-- depths_of: how much is queued in the lanes $1. Index: batches_pkey. Locks: none.
SELECT mapping_id, sum(event_count) AS "events!", sum(octet_length(payload)) AS "bytes!"
FROM signalpost.batches
WHERE mapping_id = ANY ($1)
GROUP BY mapping_id
