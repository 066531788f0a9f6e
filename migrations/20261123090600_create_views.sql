-- What people look at with psql.
CREATE VIEW signalpost.lanes AS
SELECT m.id AS mapping_id, s.name AS source, d.name AS destination, m.name AS mapping,
       (m.id % 64)::smallint AS partition, p.owner, w.name AS dispatcher,
       m.enabled AND d.enabled AS enabled, m.paused_at, m.paused_why
FROM signalpost.mappings m
JOIN signalpost.destinations d ON d.id = m.destination_id
JOIN signalpost.sources s ON s.id = d.source_id
JOIN signalpost.partitions p ON p.number = m.id % 64
LEFT JOIN signalpost.dispatchers w ON w.id = p.owner AND p.lease_ends_at > now();
COMMENT ON VIEW signalpost.lanes IS 'A row per mapping, with its names and the dispatcher that delivers it.';

CREATE VIEW signalpost.queue AS
SELECT l.mapping_id, l.source, l.destination, l.mapping,
       CASE WHEN l.paused_at IS NOT NULL THEN 'paused'
            WHEN q.batches IS NULL THEN 'empty'
            WHEN l.dispatcher IS NULL THEN 'no dispatcher'
            WHEN q.fresh = 0 THEN 'retrying'
            ELSE 'delivering' END AS state,
       coalesce(q.batches, 0) AS batches, coalesce(q.events, 0) AS events, coalesce(q.bytes, 0) AS bytes,
       q.oldest AS oldest_age, coalesce(q.batches - q.fresh, 0) AS retrying_batches,
       q.next_attempt_at, q.last_error, coalesce(x.dead, 0) AS dead_events,
       l.enabled, l.paused_why, l.dispatcher
FROM signalpost.lanes l
LEFT JOIN LATERAL (
    SELECT nullif(count(*), 0) AS batches, sum(b.event_count) AS events, sum(octet_length(b.payload)) AS bytes,
           count(*) FILTER (WHERE b.due_at IS NULL) AS fresh, now() - min(b.enqueued_at) AS oldest,
           min(b.due_at) AS next_attempt_at,
           (array_agg(b.last_error ORDER BY b.due_at) FILTER (WHERE b.last_error IS NOT NULL))[1] AS last_error
    FROM signalpost.batches b WHERE b.mapping_id = l.mapping_id
) q ON true
LEFT JOIN LATERAL (
    SELECT sum(e.event_count) AS dead FROM signalpost.dead_batches e WHERE e.mapping_id = l.mapping_id
) x ON true;
COMMENT ON VIEW signalpost.queue IS 'A row per lane: how much waits, since when, in what state, and when the next retry is due.';

CREATE VIEW signalpost.queued_events AS
SELECT b.mapping_id, b.position + e.ordinality - 1 AS address, e.value AS event,
       b.attempts, b.due_at, b.last_error, b.enqueued_at
FROM signalpost.batches b
CROSS JOIN LATERAL json_array_elements(b.payload::json) WITH ORDINALITY AS e (value, ordinality);
COMMENT ON VIEW signalpost.queued_events IS 'A row per queued event, exactly as it will be sent. Ask for one mapping_id.';

CREATE VIEW signalpost.recent_failures AS
SELECT a.started_at, l.source, l.destination, l.mapping, a.outcome, a.status, a.error, a.response,
       a.event_count, a.attempt, a.batch_id, a.latency_ms, a.mapping_id
FROM signalpost.attempts a
JOIN signalpost.lanes l USING (mapping_id)
WHERE a.outcome <> 'delivered' AND a.started_at > now() - interval '1 day'
ORDER BY a.started_at DESC;
COMMENT ON VIEW signalpost.recent_failures IS 'Attempts of the last 24 hours that did not deliver, newest first.';
