-- What the dispatchers know of their lanes and the queue does not show: told for the queue view, by the owner alone.
CREATE TABLE signalpost.lane_states (
    mapping_id bigint PRIMARY KEY REFERENCES signalpost.mappings (id) ON DELETE CASCADE,
    owner uuid NOT NULL,
    epoch bigint NOT NULL,
    told_at timestamptz NOT NULL DEFAULT now(),
    in_flight integer NOT NULL,
    window_size integer,
    breaker text NOT NULL CHECK (breaker IN ('closed', 'open', 'probing')),
    reason text,
    next_probe_at timestamptz,
    is_burying boolean NOT NULL,
    delivered_per_second double precision NOT NULL,
    batches bigint,
    events bigint,
    bytes bigint,
    retrying_batches bigint,
    next_due_at timestamptz,
    dead_events bigint
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000);
COMMENT ON TABLE signalpost.lane_states IS
    'What the owner of a lane says of it, when there is something to say; told on change, at most once a second. Read it through the view queue, which leaves out what a former owner said.';
COMMENT ON COLUMN signalpost.lane_states.mapping_id IS 'Whose lane.';
COMMENT ON COLUMN signalpost.lane_states.owner IS 'The dispatcher that said so.';
COMMENT ON COLUMN signalpost.lane_states.epoch IS 'The epoch of the partition in which it did: only what the owner of the current one says holds.';
COMMENT ON COLUMN signalpost.lane_states.told_at IS 'When it last said something new.';
COMMENT ON COLUMN signalpost.lane_states.in_flight IS 'Requests under way.';
COMMENT ON COLUMN signalpost.lane_states.window_size IS 'Requests that may be under way at a time, for now; null: the lane is not in memory.';
COMMENT ON COLUMN signalpost.lane_states.breaker IS
    'closed: it sends; open: the receiver failed all the time, nothing is sent until next_probe_at; probing: one request finds out whether it is back.';
COMMENT ON COLUMN signalpost.lane_states.reason IS 'Why the last attempt that failed did.';
COMMENT ON COLUMN signalpost.lane_states.next_probe_at IS 'When an open breaker lets a request through.';
COMMENT ON COLUMN signalpost.lane_states.is_burying IS 'The lane holds more than it may, and its oldest are buried.';
COMMENT ON COLUMN signalpost.lane_states.delivered_per_second IS 'Events delivered a second, over the last ten seconds or so.';
COMMENT ON COLUMN signalpost.lane_states.batches IS 'Rows that wait, estimated; null: few, count them.';
COMMENT ON COLUMN signalpost.lane_states.events IS 'Events in them, likewise.';
COMMENT ON COLUMN signalpost.lane_states.bytes IS 'Bytes of them, likewise.';
COMMENT ON COLUMN signalpost.lane_states.retrying_batches IS 'Rows among them that wait for a retry, likewise.';
COMMENT ON COLUMN signalpost.lane_states.next_due_at IS 'When the first of them was due when they were counted.';
COMMENT ON COLUMN signalpost.lane_states.dead_events IS 'Events among its dead letters, when last counted; null: few, count them.';
