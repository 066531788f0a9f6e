-- settle: what attempts proved, of the partitions $2 that are still owner $1's in epoch $3; the rest has no effect. A lease
-- that ran out without anybody taking the partition does not matter: nobody else can have settled.
-- Returns the partitions that are. Index: batches_pkey, one look a row and, for what is put, one more for each row it comes from;
-- and partitions_epoch (by `= ANY`, because with a plain `=` Postgres reads a table that it takes for empty from end to end, dead
-- rows and all, once for each of the lists).
-- Locks: the partitions' keys (a new owner waits), then the rows, those that what is put comes from first: who purges them meanwhile is
-- waited for, or waits.
WITH held AS (
    SELECT p.number
    FROM signalpost.partitions p
    JOIN unnest($2::smallint[], $3::bigint[]) AS h (number, epoch) ON p.number = ANY (ARRAY[h.number]) AND p.epoch = h.epoch
    WHERE p.owner = $1
    FOR KEY SHARE OF p
), there AS MATERIALIZED (
    SELECT place.ordinal
    FROM (
        SELECT k.mapping_id, p.position, k.ordinal
        FROM unnest($12::bigint[], $54::text[]) WITH ORDINALITY AS k (mapping_id, places, ordinal)
        JOIN held ON held.number = k.mapping_id % 64
        CROSS JOIN LATERAL unnest(k.places::bigint[]) AS p (position)
        ORDER BY k.mapping_id, p.position
    ) AS place
    CROSS JOIN LATERAL (
        SELECT FROM signalpost.batches b WHERE b.mapping_id = ANY (ARRAY[place.mapping_id]) AND b.position = place.position
        FOR KEY SHARE
    ) AS b
), gone AS (
    DELETE FROM signalpost.batches b
    USING unnest($4::bigint[], $5::bigint[]) AS k (mapping_id, position), held
    WHERE b.mapping_id = ANY (ARRAY[k.mapping_id]) AND b.position = k.position AND held.number = k.mapping_id % 64
      AND (SELECT count(*) FROM there) >= 0 -- a row that is deleted here would not be seen there
), rescheduled AS (
    UPDATE signalpost.batches b
    SET attempts = k.attempts, due_at = now() + make_interval(secs => k.due_in), batch_id = k.batch_id,
        last_error = k.last_error
    FROM unnest($6::bigint[], $7::bigint[], $8::integer[], $9::double precision[], $10::uuid[], $11::text[])
         AS k (mapping_id, position, attempts, due_in, batch_id, last_error), held
    WHERE b.mapping_id = ANY (ARRAY[k.mapping_id]) AND b.position = k.position AND held.number = k.mapping_id % 64
), put AS (
    INSERT INTO signalpost.batches (mapping_id, position, event_count, payload, target, attempts, due_at, batch_id,
                                    last_error, enqueued_at, traces)
    SELECT k.mapping_id, k.position, k.event_count, k.payload, k.target, k.attempts,
           now() + make_interval(secs => k.due_in), k.batch_id, k.last_error, k.enqueued_at, k.traces
    FROM unnest($12::bigint[], $13::bigint[], $14::integer[], $15::text[], $16::text[], $17::integer[],
                $18::double precision[], $19::uuid[], $20::text[], $21::timestamptz[], $53::text[], $54::text[])
         WITH ORDINALITY
         AS k (mapping_id, position, event_count, payload, target, attempts, due_in, batch_id, last_error, enqueued_at, traces,
               places, ordinal)
    JOIN held ON held.number = k.mapping_id % 64
    -- Some of what it comes from is there; or else that was purged, and stays so.
    WHERE k.places IS NULL OR k.ordinal IN (SELECT there.ordinal FROM there)
    ON CONFLICT (mapping_id, position) DO UPDATE
    SET event_count = excluded.event_count, payload = excluded.payload, target = excluded.target,
        attempts = excluded.attempts, due_at = excluded.due_at, batch_id = excluded.batch_id,
        last_error = excluded.last_error, enqueued_at = excluded.enqueued_at, traces = excluded.traces
), moved AS (
    DELETE FROM signalpost.batches b
    USING unnest($22::bigint[], $23::bigint[], $24::integer[], $25::uuid[], $26::text[], $27::text[], $28::smallint[],
                 $29::text[])
          AS k (mapping_id, position, attempts, batch_id, last_error, reason, status, response), held
    WHERE b.mapping_id = ANY (ARRAY[k.mapping_id]) AND b.position = k.position AND held.number = k.mapping_id % 64
    RETURNING b.mapping_id, b.position, b.event_count, b.payload, b.target, greatest(k.attempts, b.attempts) AS attempts,
              coalesce(k.batch_id, b.batch_id) AS batch_id, coalesce(k.last_error, b.last_error) AS last_error,
              b.enqueued_at, k.reason, k.status, k.response
), buried AS (
    INSERT INTO signalpost.dead_batches (mapping_id, position, event_count, payload, target, attempts, batch_id,
                                         last_error, enqueued_at, reason, status, response)
    SELECT * FROM moved
    UNION ALL
    SELECT k.mapping_id, k.position, k.event_count, k.payload, k.target, k.attempts, k.batch_id, k.last_error,
           k.enqueued_at, k.reason, k.status, k.response
    FROM unnest($30::bigint[], $31::bigint[], $32::integer[], $33::text[], $34::text[], $35::integer[], $36::uuid[],
                $37::text[], $38::timestamptz[], $39::text[], $40::smallint[], $41::text[])
         AS k (mapping_id, position, event_count, payload, target, attempts, batch_id, last_error, enqueued_at, reason,
               status, response)
    JOIN held ON held.number = k.mapping_id % 64
    ON CONFLICT DO NOTHING -- an address is buried once: this is the repetition of a statement whose answer was lost
), logged AS (
    INSERT INTO signalpost.attempts (mapping_id, started_at, batch_id, attempt, outcome, status, error, response,
                                     event_count, body_bytes, latency_ms)
    SELECT k.mapping_id, now() - make_interval(secs => k.started_ago), k.batch_id, k.attempt, k.outcome, k.status,
           k.error, k.response, k.event_count, k.body_bytes, k.latency_ms
    FROM unnest($42::bigint[], $43::double precision[], $44::uuid[], $45::integer[], $46::text[], $47::smallint[],
                $48::text[], $49::text[], $50::integer[], $51::bigint[], $52::real[])
         AS k (mapping_id, started_ago, batch_id, attempt, outcome, status, error, response, event_count, body_bytes,
               latency_ms)
    JOIN held ON held.number = k.mapping_id % 64
)
SELECT number FROM held
