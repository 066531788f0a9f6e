-- tell_lanes: what owner $1 says of its lanes $3…, and of the lanes $2 that there is nothing to say any more. Lanes of partitions that
-- it does not own are passed over: who woke up late says nothing. Index: lane_states_pkey. Locks: the rows.
WITH forgotten AS (
    DELETE FROM signalpost.lane_states s
    USING unnest($2::bigint[]) AS k (mapping_id), signalpost.partitions p
    WHERE s.mapping_id = k.mapping_id AND p.number = k.mapping_id % 64 AND p.owner = $1
)
INSERT INTO signalpost.lane_states (mapping_id, owner, epoch, in_flight, window_size, breaker, reason, next_probe_at, is_burying,
                                    delivered_per_second, batches, events, bytes, retrying_batches, next_due_at, dead_events)
SELECT k.mapping_id, p.owner, p.epoch, k.in_flight, k.window_size, k.breaker, k.reason,
       now() + make_interval(secs => k.next_probe_in), k.is_burying, k.delivered_per_second, k.batches, k.events, k.bytes,
       k.retrying_batches, k.next_due_at, k.dead_events
FROM unnest($3::bigint[], $4::integer[], $5::integer[], $6::text[], $7::text[], $8::double precision[], $9::boolean[],
            $10::double precision[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::timestamptz[],
            $16::bigint[])
     AS k (mapping_id, in_flight, window_size, breaker, reason, next_probe_in, is_burying, delivered_per_second, batches, events,
           bytes, retrying_batches, next_due_at, dead_events)
JOIN signalpost.mappings m ON m.id = k.mapping_id
JOIN signalpost.partitions p ON p.number = k.mapping_id % 64 AND p.owner = $1
ORDER BY k.mapping_id
ON CONFLICT (mapping_id) DO UPDATE
SET owner = excluded.owner, epoch = excluded.epoch, told_at = now(), in_flight = excluded.in_flight,
    window_size = excluded.window_size, breaker = excluded.breaker, reason = excluded.reason,
    next_probe_at = excluded.next_probe_at, is_burying = excluded.is_burying,
    delivered_per_second = excluded.delivered_per_second, batches = excluded.batches, events = excluded.events,
    bytes = excluded.bytes, retrying_batches = excluded.retrying_batches, next_due_at = excluded.next_due_at,
    dead_events = excluded.dead_events
