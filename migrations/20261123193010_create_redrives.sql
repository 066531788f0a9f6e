-- Redrives: jobs that queue dead letters again, in small steps, at a pace, until they are through or told otherwise.
DROP FUNCTION signalpost.redrive(bigint, text, bigint, boolean);

CREATE TABLE signalpost.redrives (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent text NOT NULL,
    mapping_ids bigint[] NOT NULL,
    dead_position bigint,
    reason text CHECK (reason IN ('rejected', 'expired', 'exhausted', 'overflow')),
    since timestamptz,
    until timestamptz,
    events_per_second double precision NOT NULL CHECK (events_per_second >= 0),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'done', 'cancelled')),
    why text,
    events_matched bigint NOT NULL,
    events_redriven bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    ended_at timestamptz,
    at_mapping_id bigint,
    at_position bigint,
    next_step_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((ended_at IS NULL) = (state IN ('running', 'paused')))
);
CREATE INDEX redrives_running ON signalpost.redrives (next_step_at) WHERE state = 'running';
COMMENT ON TABLE signalpost.redrives IS 'Jobs that queue dead letters again. Change them with signalpost.control_redrive.';
COMMENT ON COLUMN signalpost.redrives.id IS 'Number of the job.';
COMMENT ON COLUMN signalpost.redrives.parent IS 'Whose dead letters: shop, shop/warehouse or shop/warehouse/orders.';
COMMENT ON COLUMN signalpost.redrives.mapping_ids IS 'The mappings that this was when the job was made, ascending.';
COMMENT ON COLUMN signalpost.redrives.dead_position IS 'Only the dead letter at this position; null: any.';
COMMENT ON COLUMN signalpost.redrives.reason IS 'Only those given up for this reason; null: any.';
COMMENT ON COLUMN signalpost.redrives.since IS 'Only those given up since then; null: any.';
COMMENT ON COLUMN signalpost.redrives.until IS 'Only those given up before then; null: any. Never those given up after the job was made.';
COMMENT ON COLUMN signalpost.redrives.events_per_second IS 'Events it queues a second; 0: as fast as it goes.';
COMMENT ON COLUMN signalpost.redrives.state IS
    'running; paused: waits to be resumed; done: all that fitted is queued again; cancelled: ended early, what is queued stays queued.';
COMMENT ON COLUMN signalpost.redrives.why IS 'Why it does not go on although it runs; null when it does.';
COMMENT ON COLUMN signalpost.redrives.events_matched IS 'Events that fitted when it was made.';
COMMENT ON COLUMN signalpost.redrives.events_redriven IS
    'Events it has queued again. Fewer than matched in the end if some were purged, or redriven by another job.';
COMMENT ON COLUMN signalpost.redrives.created_at IS 'When it was made: it takes what was dead then, not what dies later.';
COMMENT ON COLUMN signalpost.redrives.created_by IS 'Who made it.';
COMMENT ON COLUMN signalpost.redrives.ended_at IS 'When it was done or cancelled.';
COMMENT ON COLUMN signalpost.redrives.at_mapping_id IS 'The mapping it has come to; null: it has not begun.';
COMMENT ON COLUMN signalpost.redrives.at_position IS
    'The last address there that it is through with. What it queued and dies again stays behind it, so no event is taken twice.';
COMMENT ON COLUMN signalpost.redrives.next_step_at IS 'When its next step is due.';

CREATE VIEW signalpost.lane_limits AS
SELECT m.id AS mapping_id,
       CASE WHEN json_typeof(d.delivery -> 'queue_events_max') = 'number'
            THEN (d.delivery ->> 'queue_events_max')::numeric::bigint END AS events_max,
       CASE WHEN json_typeof(d.delivery -> 'queue_bytes_max') = 'number'
            THEN (d.delivery ->> 'queue_bytes_max')::numeric::bigint END AS bytes_max,
       coalesce(d.delivery ->> 'when_full', 'refuse') AS when_full
FROM signalpost.mappings m JOIN signalpost.destinations d ON d.id = m.destination_id;
COMMENT ON VIEW signalpost.lane_limits IS
    'How much of each lane may wait (null: no limit), and what happens then: refuse (who sends is refused) or bury_oldest.';

CREATE FUNCTION signalpost.actor() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Only whoever may act as the owner of the schema, as Signalpost's own processes do, can name somebody else.
    SELECT CASE WHEN pg_has_role(session_user, n.nspowner, 'MEMBER')
                THEN coalesce(nullif(current_setting('signalpost.actor', true), ''), 'database user ' || session_user)
                ELSE 'database user ' || session_user END
    FROM pg_namespace n WHERE n.nspname = 'signalpost'
$$;
COMMENT ON FUNCTION signalpost.actor() IS
    'Who acts: what Signalpost''s own processes set as signalpost.actor, otherwise the database user that logged in.';

CREATE FUNCTION signalpost.expect_lanes(parent text) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mapping_ids bigint[];
BEGIN
    SELECT array_agg(l.mapping_id ORDER BY l.mapping_id) INTO mapping_ids FROM signalpost.lanes l
    WHERE parent IN (l.source, l.source || '/' || l.destination, l.source || '/' || l.destination || '/' || l.mapping);
    IF mapping_ids IS NULL THEN
        RAISE EXCEPTION 'there is no source, destination or mapping called %, or it has no mapping', quote_nullable(parent)
            USING ERRCODE = 'no_data_found', HINT = 'SELECT source, destination, mapping FROM signalpost.lanes';
    END IF;
    RETURN mapping_ids;
END $$;
COMMENT ON FUNCTION signalpost.expect_lanes(text) IS
    'The mappings of a source, a destination, or a mapping by its full name; an error that says where to look when there is none.';

CREATE FUNCTION signalpost.redrive(
    parent text, with_reason text DEFAULT NULL, at_position bigint DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL, events_per_second double precision DEFAULT 0, dry_run boolean DEFAULT false
) RETURNS TABLE (redrive_id bigint, events bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lanes bigint[] := signalpost.expect_lanes(parent);
BEGIN
    IF with_reason NOT IN ('rejected', 'expired', 'exhausted', 'overflow') THEN
        RAISE EXCEPTION 'a dead letter''s reason is ''rejected'', ''expired'', ''exhausted'' or ''overflow'', not %', quote_literal(with_reason)
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF at_position IS NOT NULL AND parent NOT LIKE '%/%/%' THEN
        RAISE EXCEPTION 'a position is one of a mapping: name it as source/destination/mapping, not %', quote_literal(parent)
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF events_per_second IS NULL OR NOT (events_per_second >= 0 AND events_per_second < 'infinity') THEN
        RAISE EXCEPTION 'events per second must be 0 (as fast as it goes) or more, not %', coalesce(events_per_second::text, 'null')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT coalesce(sum(d.event_count), 0) INTO events FROM signalpost.dead_batches d
    WHERE d.mapping_id = ANY (lanes) AND (with_reason IS NULL OR d.reason = with_reason)
      AND (at_position IS NULL OR d.position = at_position) AND (redrive.since IS NULL OR d.buried_at >= redrive.since)
      AND (redrive.until IS NULL OR d.buried_at < redrive.until);
    IF NOT dry_run THEN
        INSERT INTO signalpost.redrives AS r (parent, mapping_ids, dead_position, reason, since, until, events_per_second,
                                              events_matched, created_by, created_at)
        VALUES (redrive.parent, lanes, at_position, with_reason, redrive.since, redrive.until, redrive.events_per_second,
                redrive.events, signalpost.actor(), clock_timestamp())
        RETURNING r.id INTO redrive_id;
        PERFORM signalpost.record_operation('redrive.create', parent, CASE WHEN cardinality(lanes) = 1 THEN lanes[1] END,
            json_strip_nulls(json_build_object('redrive', redrive_id, 'reason', with_reason, 'position', at_position,
                'since', redrive.since, 'until', redrive.until, 'events_per_second', redrive.events_per_second)), events);
        PERFORM pg_notify('signalpost_redrives', '');
    END IF;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION signalpost.redrive(text, text, bigint, timestamptz, timestamptz, double precision, boolean) IS
    'Makes a job that queues the dead letters of a source, destination or mapping again, all or those of a reason, position or time; returns its id and how many events fit. With dry_run only counts.';

CREATE FUNCTION signalpost.redrive(
    mapping_id bigint, with_reason text DEFAULT NULL, at_position bigint DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL, events_per_second double precision DEFAULT 0, dry_run boolean DEFAULT false
) RETURNS TABLE (redrive_id bigint, events bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM signalpost.redrive(signalpost.expect_mapping(mapping_id), with_reason, at_position, since, until,
                                     events_per_second, dry_run)
$$;
COMMENT ON FUNCTION signalpost.redrive(bigint, text, bigint, timestamptz, timestamptz, double precision, boolean) IS
    'As the function of the same name for a mapping''s full name, for its number.';

CREATE FUNCTION signalpost.control_redrive(id bigint, action text DEFAULT NULL, events_per_second double precision DEFAULT NULL)
RETURNS signalpost.redrives LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job signalpost.redrives;
BEGIN
    SELECT r.* INTO job FROM signalpost.redrives r WHERE r.id = control_redrive.id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no redrive %', id
            USING ERRCODE = 'no_data_found', HINT = 'SELECT * FROM signalpost.redrives ORDER BY id DESC';
    ELSIF job.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'redrive % is % since %: make another', id, job.state, job.ended_at
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF action NOT IN ('pause', 'resume', 'cancel') THEN
        RAISE EXCEPTION 'a redrive can be told to ''pause'', ''resume'' or ''cancel'', not %', quote_literal(action)
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF NOT (events_per_second >= 0 AND events_per_second < 'infinity') THEN
        RAISE EXCEPTION 'events per second must be 0 (as fast as it goes) or more, not %', events_per_second
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE signalpost.redrives r
    SET state = CASE action WHEN 'pause' THEN 'paused' WHEN 'resume' THEN 'running' WHEN 'cancel' THEN 'cancelled' ELSE r.state END,
        ended_at = CASE action WHEN 'cancel' THEN now() END,
        why = CASE WHEN action IS NULL THEN r.why END,
        events_per_second = coalesce(control_redrive.events_per_second, r.events_per_second),
        next_step_at = now()
    WHERE r.id = control_redrive.id RETURNING r.* INTO job;
    PERFORM signalpost.record_operation('redrive.' || coalesce(action, 'pace'), job.parent,
        CASE WHEN cardinality(job.mapping_ids) = 1 THEN job.mapping_ids[1] END,
        json_build_object('redrive', id, 'events_per_second', job.events_per_second), job.events_redriven);
    PERFORM pg_notify('signalpost_redrives', '');
    RETURN job;
END $$;
COMMENT ON FUNCTION signalpost.control_redrive(bigint, text, double precision) IS
    'Pauses, resumes or cancels a redrive, or only changes its pace: action is pause, resume, cancel or null. Returns the job.';

REVOKE EXECUTE ON FUNCTION signalpost.actor(), signalpost.expect_lanes(text),
    signalpost.redrive(text, text, bigint, timestamptz, timestamptz, double precision, boolean),
    signalpost.redrive(bigint, text, bigint, timestamptz, timestamptz, double precision, boolean),
    signalpost.control_redrive(bigint, text, double precision) FROM PUBLIC;
