-- Who changed what: every change of what is configured, and every operation on a lane, whoever makes it and however.
-- Secrets never stand here: of a setting that could hold one, only that it changed.
ALTER TABLE signalpost.operations RENAME TO audit_log;
ALTER TABLE signalpost.audit_log RENAME COLUMN done_by TO database_user;
ALTER TABLE signalpost.audit_log RENAME COLUMN operation TO action;
ALTER TABLE signalpost.audit_log ADD COLUMN actor text, ADD COLUMN detail json NOT NULL DEFAULT '{}';
UPDATE signalpost.audit_log a SET
    actor = 'database user ' || a.database_user,
    action = CASE WHEN a.action LIKE '%.%' THEN a.action ELSE 'lane.' || a.action END,
    subject = 'mapping ' || coalesce(a.subject, (SELECT l.source || '/' || l.destination || '/' || l.mapping
                                                 FROM signalpost.lanes l WHERE l.mapping_id = a.mapping_id),
                                     '#' || a.mapping_id),
    detail = json_build_object('with', a.arguments, 'affected', a.affected);
ALTER TABLE signalpost.audit_log
    DROP COLUMN mapping_id, DROP COLUMN arguments, DROP COLUMN affected,
    ALTER COLUMN actor SET NOT NULL, ALTER COLUMN subject SET NOT NULL;
COMMENT ON TABLE signalpost.audit_log IS 'Who changed what, by the service, by apply or with psql. Rows are only ever added.';
COMMENT ON COLUMN signalpost.audit_log.id IS 'Number of the row; later rows have higher ones.';
COMMENT ON COLUMN signalpost.audit_log.done_at IS 'When the transaction began that did it.';
COMMENT ON COLUMN signalpost.audit_log.actor IS 'Who: the admin token that the service was called with, else the database user.';
COMMENT ON COLUMN signalpost.audit_log.database_user IS 'The database user in any case.';
COMMENT ON COLUMN signalpost.audit_log.action IS 'What: mapping.update, lane.pause, write_key.revoke, …';
COMMENT ON COLUMN signalpost.audit_log.subject IS 'To what: kind and full name, as it was called then.';
COMMENT ON COLUMN signalpost.audit_log.detail IS 'What else there is to say: which settings changed, what is counted. Never a secret.';

-- Whoever changes a thing tells of it through triggers and guarded functions, which run as the owner of the schema.
CREATE FUNCTION signalpost.audit(action text, subject text, detail json) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO signalpost.audit_log (actor, database_user, action, subject, detail)
    VALUES (signalpost.actor(), session_user, action, subject, detail)
$$;
COMMENT ON FUNCTION signalpost.audit(text, text, json) IS 'Internal: adds a row to audit_log.';

CREATE OR REPLACE FUNCTION signalpost.record_operation(action text, subject text, mapping_id bigint, detail json, affected bigint)
RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT signalpost.audit(
        action,
        (ARRAY['source ', 'destination ', 'mapping '])[1 + length(subject) - length(replace(subject, '/', ''))] || subject,
        (detail::jsonb || jsonb_build_object('affected', affected))::json)
    WHERE action NOT IN ('lane.pause', 'lane.resume') -- told by the trigger on mappings, however it is done
$$;

-- What triggers tell. The settings of `shown` are told with their values, all others by name alone.
CREATE FUNCTION signalpost.changes(before jsonb, after jsonb, shown text[]) RETURNS json LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT json_build_object(
        'changed', coalesce(json_agg(k.key ORDER BY k.key), '[]'),
        'before', coalesce(json_object_agg(k.key, before -> k.key) FILTER (WHERE k.key = ANY (shown)), '{}'),
        'after', coalesce(json_object_agg(k.key, after -> k.key) FILTER (WHERE k.key = ANY (shown)), '{}'))
    FROM jsonb_object_keys(after) AS k (key) WHERE before -> k.key IS DISTINCT FROM after -> k.key
$$;
COMMENT ON FUNCTION signalpost.changes(jsonb, jsonb, text[]) IS 'Which members differ, and from what to what for those that may be shown.';

CREATE FUNCTION signalpost.name_of_source(id bigint) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT s.name FROM signalpost.sources s WHERE s.id = $1), '#' || $1)
$$;
COMMENT ON FUNCTION signalpost.name_of_source(bigint) IS 'The name of a source.';
CREATE FUNCTION signalpost.name_of_destination(id bigint) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT s.name || '/' || d.name FROM signalpost.destinations d
                     JOIN signalpost.sources s ON s.id = d.source_id WHERE d.id = $1), '#' || $1)
$$;
COMMENT ON FUNCTION signalpost.name_of_destination(bigint) IS 'The full name of a destination: source/destination.';

-- So that what is below is told with its name, and not by a cascade that no longer knows it.
CREATE FUNCTION signalpost.delete_below() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'sources' THEN
        DELETE FROM signalpost.write_keys WHERE source_id = OLD.id;
        DELETE FROM signalpost.destinations WHERE source_id = OLD.id;
    ELSE
        DELETE FROM signalpost.mappings WHERE destination_id = OLD.id;
    END IF;
    RETURN OLD;
END $$;
COMMENT ON FUNCTION signalpost.delete_below() IS 'Trigger: removes what belongs to a source or destination before it goes itself.';
CREATE TRIGGER delete_below BEFORE DELETE ON signalpost.sources
    FOR EACH ROW EXECUTE FUNCTION signalpost.delete_below();
CREATE TRIGGER delete_below BEFORE DELETE ON signalpost.destinations
    FOR EACH ROW EXECUTE FUNCTION signalpost.delete_below();

CREATE FUNCTION signalpost.audit_sources() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM signalpost.audit('source.create', 'source ' || NEW.name, '{}');
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM signalpost.audit('source.delete', 'source ' || OLD.name, '{}');
    ELSIF OLD.name <> NEW.name THEN
        PERFORM signalpost.audit('source.rename', 'source ' || NEW.name, json_build_object('before', OLD.name));
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION signalpost.audit_sources() IS 'Trigger: tells audit_log of changes of sources.';
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON signalpost.sources
    FOR EACH ROW EXECUTE FUNCTION signalpost.audit_sources();

-- A number names a key where its hash would be unhandy.
ALTER TABLE signalpost.write_keys ADD COLUMN id bigint GENERATED BY DEFAULT AS IDENTITY UNIQUE;
COMMENT ON COLUMN signalpost.write_keys.id IS 'Number of the key.';
COMMENT ON COLUMN signalpost.write_keys.revoked_at IS
    'Since or from when it is refused; null while it is good. A time to come leaves senders time to change over.';

CREATE FUNCTION signalpost.audit_write_keys() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source text := 'source ' || signalpost.name_of_source(coalesce(NEW.source_id, OLD.source_id));
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM signalpost.audit('write_key.create', source, json_build_object('id', NEW.id, 'prefix', NEW.prefix));
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM signalpost.audit('write_key.delete', source, json_build_object('id', OLD.id, 'prefix', OLD.prefix));
    ELSIF OLD.revoked_at IS DISTINCT FROM NEW.revoked_at THEN
        PERFORM signalpost.audit(CASE WHEN NEW.revoked_at IS NULL THEN 'write_key.reinstate' ELSE 'write_key.revoke' END,
            source, json_build_object('id', NEW.id, 'prefix', NEW.prefix, 'revoked_at', NEW.revoked_at));
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION signalpost.audit_write_keys() IS 'Trigger: tells audit_log of changes of write keys.';
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON signalpost.write_keys
    FOR EACH ROW EXECUTE FUNCTION signalpost.audit_write_keys();

-- Versions, by which two who change the same thing at once notice.
ALTER TABLE signalpost.destinations ADD COLUMN version bigint NOT NULL DEFAULT 1;
COMMENT ON COLUMN signalpost.destinations.version IS 'Raised by every change of the destination and of its secrets.';

CREATE FUNCTION signalpost.is_resealing() RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(current_setting('signalpost.resealing', true) = 'on', false)
$$;
COMMENT ON FUNCTION signalpost.is_resealing() IS
    'Whether secrets are only sealed anew: the setting signalpost.resealing, set for the transaction.';

CREATE FUNCTION signalpost.raise_destination_version() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.version = OLD.version AND to_jsonb(NEW) <> to_jsonb(OLD) AND NOT signalpost.is_resealing() THEN
        NEW.version := OLD.version + 1;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION signalpost.raise_destination_version() IS 'Trigger: counts the changes of a destination.';
CREATE TRIGGER raise_version BEFORE UPDATE ON signalpost.destinations
    FOR EACH ROW EXECUTE FUNCTION signalpost.raise_destination_version();

CREATE FUNCTION signalpost.audit_destinations() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text := 'destination ' || signalpost.name_of_source(coalesce(NEW.source_id, OLD.source_id)) || '/'
                 || coalesce(NEW.name, OLD.name);
    ignored text[] := '{version,shared_secret_key}';
    detail json;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM signalpost.audit('destination.create', name, '{}');
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM signalpost.audit('destination.delete', name, '{}');
    ELSIF to_jsonb(NEW) - ignored <> to_jsonb(OLD) - ignored THEN
        IF signalpost.is_resealing() THEN
            PERFORM signalpost.audit('secret.reseal', name,
                json_build_object('purpose', 'shared_secret', 'sealing_key', NEW.shared_secret_key));
        ELSE
            detail := signalpost.changes(to_jsonb(OLD) - ignored, to_jsonb(NEW) - ignored,
                                         '{name,enabled,signature,numbers}');
            PERFORM signalpost.audit('destination.update', name, detail);
        END IF;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION signalpost.audit_destinations() IS 'Trigger: tells audit_log of changes of destinations.';
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON signalpost.destinations
    FOR EACH ROW EXECUTE FUNCTION signalpost.audit_destinations();

CREATE FUNCTION signalpost.audit_destination_secrets() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    destination bigint := coalesce(NEW.destination_id, OLD.destination_id);
    name text := 'destination ' || signalpost.name_of_destination(destination);
    detail json := json_build_object('purpose', coalesce(NEW.purpose, OLD.purpose));
BEGIN
    IF TG_OP = 'UPDATE' AND signalpost.is_resealing() THEN
        PERFORM signalpost.audit('secret.reseal', name,
            json_build_object('purpose', NEW.purpose, 'sealing_key', NEW.sealing_key));
        RETURN NULL;
    END IF;
    UPDATE signalpost.destinations d SET version = d.version + 1 WHERE d.id = destination;
    IF NOT FOUND THEN
        RETURN NULL; -- it goes with its destination, which has been told
    END IF;
    PERFORM signalpost.audit(CASE TG_OP WHEN 'DELETE' THEN 'secret.drop' ELSE 'secret.set' END, name, detail);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION signalpost.audit_destination_secrets() IS
    'Trigger: tells audit_log of changes of secrets, never their values, and counts them as changes of their destination.';
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON signalpost.destination_secrets
    FOR EACH ROW EXECUTE FUNCTION signalpost.audit_destination_secrets();

REVOKE EXECUTE ON FUNCTION signalpost.audit(text, text, json), signalpost.changes(jsonb, jsonb, text[]),
    signalpost.name_of_source(bigint), signalpost.name_of_destination(bigint), signalpost.delete_below(),
    signalpost.audit_sources(), signalpost.audit_write_keys(), signalpost.raise_destination_version(),
    signalpost.audit_destinations(), signalpost.audit_destination_secrets() FROM PUBLIC;
