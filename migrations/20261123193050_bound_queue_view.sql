-- The planner thought the queue view dear enough to be compiled, which took a second where counting takes twenty milliseconds. What
-- is counted is counted by a function, which fixes how: by key, so many rows of a lane, never compiled.
CREATE FUNCTION signalpost.lane_depths() RETURNS TABLE (
    mapping_id bigint, batches bigint, events bigint, bytes bigint, retrying bigint, oldest_at timestamptz,
    next_due_at timestamptz, last_error text, is_cut boolean, dead_events bigint, is_dead_cut boolean
) LANGUAGE sql STABLE COST 1000 ROWS 100
SET search_path = pg_catalog, pg_temp SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET enable_hashjoin = off SET enable_mergejoin = off SET max_parallel_workers_per_gather = 0
AS $$
    SELECT m.id, q.batches, q.events, q.bytes, q.retrying, q.oldest_at, q.next_due_at, q.last_error, q.batches >= bound.rows_max,
           x.events, x.batches >= bound.rows_max
    FROM signalpost.mappings m
    -- At least 8 rows of a lane, and in all lanes together not many more than 10,000.
    CROSS JOIN (SELECT greatest(8, 10000 / greatest(count(*), 1)) AS rows_max FROM signalpost.mappings) AS bound
    CROSS JOIN LATERAL (
        SELECT count(*) AS batches, coalesce(sum(b.event_count), 0) AS events, coalesce(sum(b.bytes), 0) AS bytes,
               count(b.due_at) AS retrying, min(b.enqueued_at) AS oldest_at, min(b.due_at) AS next_due_at,
               (array_agg(b.last_error ORDER BY b.due_at) FILTER (WHERE b.last_error IS NOT NULL))[1] AS last_error
        FROM (
            SELECT w.event_count, octet_length(w.payload) AS bytes, w.due_at, w.enqueued_at, w.last_error
            FROM signalpost.batches w WHERE w.mapping_id = m.id ORDER BY w.position LIMIT (SELECT bound.rows_max)
        ) AS b
    ) AS q
    CROSS JOIN LATERAL (
        SELECT count(*) AS batches, coalesce(sum(e.event_count), 0) AS events
        FROM (
            SELECT d.event_count FROM signalpost.dead_batches d
            WHERE d.mapping_id = m.id ORDER BY d.position LIMIT (SELECT bound.rows_max)
        ) AS e
    ) AS x
$$;
COMMENT ON FUNCTION signalpost.lane_depths() IS
    'Internal, for the view queue: what waits and what is dead in each lane, counted up to a bound (is_cut: there may be more).';

CREATE OR REPLACE VIEW signalpost.queue AS
SELECT l.mapping_id, l.source, l.destination, l.mapping, v.state,
       CASE v.state
           WHEN 'paused' THEN l.paused_why
           WHEN 'no dispatcher' THEN CASE WHEN l.owner IS NULL THEN format('no dispatcher owns partition %s', l.partition)
               ELSE format('the dispatcher of partition %s did not renew its lease', l.partition) END
           WHEN 'full' THEN concat_ws('; ',
               format('it holds %s and %s: %s',
                      CASE WHEN v.events >= m.events_max THEN v.events || ' events' ELSE v.bytes || ' bytes' END,
                      CASE WHEN v.events >= m.events_max THEN m.events_max || ' may wait'
                           ELSE coalesce(m.bytes_max || ' may wait', 'no more may wait') END,
                      CASE m.when_full WHEN 'bury_oldest' THEN 'its oldest are buried' ELSE 'who sends more is refused' END),
               v.breaker_why)
           WHEN 'open' THEN v.breaker_why
           WHEN 'retrying' THEN v.last_error
       END AS why,
       v.batches, v.events, v.bytes, v.is_estimate, now() - q.oldest_at AS oldest_age,
       v.in_flight, v.window_size, v.delivered_per_second, v.retrying_batches,
       CASE WHEN v.state = 'open' THEN coalesce(o.next_probe_at, now()) ELSE v.next_due_at END AS next_attempt_at,
       v.last_error, v.dead_events, l.enabled, l.paused_why, l.dispatcher
FROM signalpost.lanes l
JOIN signalpost.lane_limits m ON m.mapping_id = l.mapping_id
-- What anybody said last, and what of it the owner of now said.
LEFT JOIN signalpost.lane_states s ON s.mapping_id = l.mapping_id
LEFT JOIN signalpost.lane_states o
       ON o.mapping_id = l.mapping_id AND o.owner = l.owner AND o.epoch = l.epoch AND l.dispatcher IS NOT NULL
JOIN signalpost.lane_depths() q ON q.mapping_id = l.mapping_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN q.is_cut THEN greatest(q.batches, s.batches) ELSE q.batches END AS batches,
           CASE WHEN q.is_cut THEN greatest(q.events, s.events) ELSE q.events END AS events,
           CASE WHEN q.is_cut THEN greatest(q.bytes, s.bytes) ELSE q.bytes END AS bytes,
           CASE WHEN q.is_cut THEN greatest(q.retrying, s.retrying_batches) ELSE q.retrying END AS retrying_batches,
           CASE WHEN q.is_cut THEN least(q.next_due_at, s.next_due_at) ELSE q.next_due_at END AS next_due_at,
           CASE WHEN q.is_dead_cut THEN greatest(q.dead_events, s.dead_events) ELSE q.dead_events END AS dead_events
) AS n
CROSS JOIN LATERAL (
    SELECT CASE WHEN l.paused_at IS NOT NULL THEN 'paused'
                WHEN q.batches = 0 THEN 'empty'
                WHEN l.dispatcher IS NULL THEN 'no dispatcher'
                WHEN n.events >= m.events_max OR n.bytes >= m.bytes_max OR o.is_burying THEN 'full'
                WHEN o.breaker IN ('open', 'probing') THEN 'open'
                WHEN n.retrying_batches >= n.batches THEN 'retrying'
                ELSE 'delivering' END AS state,
           CASE WHEN o.breaker IN ('open', 'probing') THEN concat_ws(', ', coalesce(o.reason, 'the receiver fails all the time'),
               CASE WHEN o.breaker = 'probing' THEN 'a request finds out whether it is back'
                    ELSE 'tried again in ' || greatest(0, ceil(extract(epoch FROM o.next_probe_at - now()))) || ' s' END) END AS breaker_why,
           n.batches, n.events, n.bytes, q.is_cut AS is_estimate, n.retrying_batches, n.next_due_at, n.dead_events,
           coalesce(q.last_error, CASE WHEN q.batches > 0 THEN o.reason END) AS last_error,
           coalesce(o.in_flight, 0) AS in_flight, o.window_size, coalesce(o.delivered_per_second, 0) AS delivered_per_second
) AS v;
