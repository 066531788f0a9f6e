-- release_all: dispatcher $1 gives back its partitions and signs off; $2: it cut off requests that may have arrived. Index: partitions_pkey. Locks: its partitions.
WITH released AS (
    UPDATE signalpost.partitions SET owner = NULL, lease_ends_at = NULL,
        maybe_repeated_before = CASE WHEN $2 THEN now() ELSE maybe_repeated_before END
    WHERE owner = $1
)
DELETE FROM signalpost.dispatchers WHERE id = $1
