-- Who delivers which lanes: 64 partitions, each owned by one dispatcher at a time.
CREATE TABLE signalpost.dispatchers (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE signalpost.dispatchers IS 'The dispatchers that are alive.';
COMMENT ON COLUMN signalpost.dispatchers.id IS 'Made anew at each start of a process.';
COMMENT ON COLUMN signalpost.dispatchers.name IS 'Host and process id, to recognise it by.';
COMMENT ON COLUMN signalpost.dispatchers.started_at IS 'Its first heartbeat.';
COMMENT ON COLUMN signalpost.dispatchers.seen_at IS 'Its last heartbeat.';

CREATE TABLE signalpost.partitions (
    number smallint PRIMARY KEY CHECK (number BETWEEN 0 AND 63),
    owner uuid,
    epoch bigint NOT NULL DEFAULT 0,
    lease_ends_at timestamptz,
    CHECK ((owner IS NULL) = (lease_ends_at IS NULL))
);
-- Makes a change of epoch a change of a key: a settlement that holds FOR KEY SHARE keeps a new owner out
-- until it is done, while a heartbeat, which only moves the lease, does not wait for it.
CREATE UNIQUE INDEX partitions_epoch ON signalpost.partitions (number, epoch);
COMMENT ON TABLE signalpost.partitions IS 'Fixed shares of the lanes: a mapping belongs to partition (id modulo 64).';
COMMENT ON COLUMN signalpost.partitions.number IS '0 to 63.';
COMMENT ON COLUMN signalpost.partitions.owner IS 'The dispatcher that delivers its lanes; null: nobody.';
COMMENT ON COLUMN signalpost.partitions.epoch IS 'Counts its owners: what an earlier owner wants to settle is refused.';
COMMENT ON COLUMN signalpost.partitions.lease_ends_at IS 'Until when the owner holds it unless it renews.';
INSERT INTO signalpost.partitions (number) SELECT generate_series(0, 63);
