-- What a mapping was before each change, so that a change can be seen and undone.
ALTER TABLE signalpost.mappings ADD COLUMN version bigint NOT NULL DEFAULT 1;
COMMENT ON COLUMN signalpost.mappings.version IS 'Raised by every change of the mapping; pausing is none.';

CREATE TABLE signalpost.mapping_versions (
    mapping_id bigint NOT NULL REFERENCES signalpost.mappings (id) ON DELETE CASCADE,
    version bigint NOT NULL,
    position smallint NOT NULL,
    name text NOT NULL,
    enabled boolean NOT NULL,
    trigger text NOT NULL,
    fields json NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL DEFAULT signalpost.actor(),
    PRIMARY KEY (mapping_id, version)
);
COMMENT ON TABLE signalpost.mapping_versions IS 'What each mapping was and is, a row for each of its versions.';
COMMENT ON COLUMN signalpost.mapping_versions.mapping_id IS 'The mapping.';
COMMENT ON COLUMN signalpost.mapping_versions.version IS 'Its version.';
COMMENT ON COLUMN signalpost.mapping_versions.position IS 'Its place in the destination as of that version.';
COMMENT ON COLUMN signalpost.mapping_versions.name IS 'Its name as of that version.';
COMMENT ON COLUMN signalpost.mapping_versions.enabled IS 'Whether new events were queued for it.';
COMMENT ON COLUMN signalpost.mapping_versions.trigger IS 'Its trigger as of that version.';
COMMENT ON COLUMN signalpost.mapping_versions.fields IS 'Its fields as of that version.';
COMMENT ON COLUMN signalpost.mapping_versions.changed_at IS 'When it became that.';
COMMENT ON COLUMN signalpost.mapping_versions.changed_by IS 'Who made it that.';
INSERT INTO signalpost.mapping_versions (mapping_id, version, position, name, enabled, trigger, fields, changed_at, changed_by)
SELECT id, version, position, name, enabled, trigger, fields, created_at, 'unknown' FROM signalpost.mappings;

-- The order of a mapping's keys counts, so its fields are compared as text.
CREATE FUNCTION signalpost.raise_mapping_version() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ignored text[] := '{version,paused_at,paused_why}';
BEGIN
    IF to_jsonb(NEW) - ignored <> to_jsonb(OLD) - ignored OR NEW.fields::text <> OLD.fields::text THEN
        NEW.version := OLD.version + 1;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION signalpost.raise_mapping_version() IS 'Trigger: counts the changes of a mapping.';
CREATE TRIGGER raise_version BEFORE UPDATE ON signalpost.mappings
    FOR EACH ROW EXECUTE FUNCTION signalpost.raise_mapping_version();

CREATE FUNCTION signalpost.audit_mappings() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text := 'mapping ' || signalpost.name_of_destination(coalesce(NEW.destination_id, OLD.destination_id)) || '/'
                 || coalesce(NEW.name, OLD.name);
    ignored text[] := '{version,paused_at,paused_why}';
    detail jsonb;
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM signalpost.audit('mapping.delete', name, json_build_object('mapping_id', OLD.id));
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM signalpost.audit('mapping.create', name, json_build_object('mapping_id', NEW.id));
    ELSIF OLD.version <> NEW.version THEN
        detail := signalpost.changes(to_jsonb(OLD) - ignored, to_jsonb(NEW) - ignored, '{name,enabled,trigger,position}');
        IF NEW.fields::text <> OLD.fields::text AND NOT detail -> 'changed' ? 'fields' THEN
            detail := jsonb_insert(detail, '{changed,0}', '"fields"');
        END IF;
        PERFORM signalpost.audit('mapping.update', name, (detail || jsonb_build_object('version', NEW.version))::json);
    END IF;
    IF TG_OP = 'INSERT' OR OLD.version <> NEW.version THEN
        INSERT INTO signalpost.mapping_versions (mapping_id, version, position, name, enabled, trigger, fields)
        VALUES (NEW.id, NEW.version, NEW.position, NEW.name, NEW.enabled, NEW.trigger, NEW.fields);
    END IF;
    IF NEW.paused_at IS NOT NULL AND (TG_OP = 'INSERT' OR OLD.paused_at IS NULL OR OLD.paused_why IS DISTINCT FROM NEW.paused_why) THEN
        PERFORM signalpost.audit('lane.pause', name, json_build_object('why', NEW.paused_why));
    ELSIF TG_OP = 'UPDATE' AND OLD.paused_at IS NOT NULL AND NEW.paused_at IS NULL THEN
        PERFORM signalpost.audit('lane.resume', name, '{}');
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION signalpost.audit_mappings() IS 'Trigger: keeps mapping_versions, and tells audit_log of changes, pauses and resumptions.';
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON signalpost.mappings
    FOR EACH ROW EXECUTE FUNCTION signalpost.audit_mappings();

REVOKE EXECUTE ON FUNCTION signalpost.raise_mapping_version(), signalpost.audit_mappings() FROM PUBLIC;
