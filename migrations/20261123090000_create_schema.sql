-- The schema, and the counter by which running processes learn that the configuration changed.
CREATE SCHEMA signalpost;
COMMENT ON SCHEMA signalpost IS
    'Signalpost: what to deliver, what is queued, who delivers it. A public interface: read it with psql.';

CREATE TABLE signalpost.catalog_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL
);
COMMENT ON TABLE signalpost.catalog_version IS
    'One row: counts every change of sources, write keys, destinations and mappings.';
COMMENT ON COLUMN signalpost.catalog_version.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN signalpost.catalog_version.version IS 'Raised by each statement that changes the configuration.';
INSERT INTO signalpost.catalog_version (version) VALUES (1);

CREATE FUNCTION signalpost.catalog_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE signalpost.catalog_version SET version = version + 1;
    PERFORM pg_notify('signalpost_catalog', '');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION signalpost.catalog_changed() IS
    'Trigger: raises catalog_version and wakes the running processes, whoever made the change.';
