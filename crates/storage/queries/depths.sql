-- depths: how much is queued in each lane. Index: none, the table is read once; payloads are not, only their lengths. Locks: none.
SELECT mapping_id, sum(event_count) AS "events!", sum(octet_length(payload)) AS "bytes!"
FROM signalpost.batches
GROUP BY mapping_id
