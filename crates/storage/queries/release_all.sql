-- release_all: dispatcher $1 gives back its partitions and signs off. Index: partitions_pkey. Locks: its partitions.
WITH released AS (
    UPDATE signalpost.partitions SET owner = NULL, lease_ends_at = NULL WHERE owner = $1
)
DELETE FROM signalpost.dispatchers WHERE id = $1
