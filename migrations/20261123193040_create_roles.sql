-- Two roles for people and tools: one that reads, one that also operates. Neither sees a sealed secret or a hash.
CREATE FUNCTION signalpost.grant_roles() RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- What may be read whole, as far as it exists; a table that is not named here is not readable.
    readable text[] := ARRAY['sources', 'mappings', 'mapping_versions', 'catalog_version', 'batches', 'dead_batches', 'rejected_events',
        'attempts', 'dispatchers', 'partitions', 'lane_states', 'redrives', 'operations', 'audit_log', 'lanes', 'lane_limits',
        'queue', 'queued_events', 'recent_failures'];
    -- What may be read but for its secrets and hashes, which are all of type bytea.
    guarded text[] := ARRAY['write_keys', 'destinations', 'destination_secrets'];
    operations text[] := ARRAY['pause', 'resume', 'retry_now', 'redrive', 'control_redrive', 'purge'];
    roles text[] := ARRAY['signalpost_reader', 'signalpost_operator'];
    setting record;
    thing record;
BEGIN
    FOR thing IN SELECT unnest(roles) AS name LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = thing.name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', thing.name);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this server made it just now
                WHEN insufficient_privilege THEN
                    RAISE NOTICE 'the roles signalpost_reader and signalpost_operator were not made: % may not create roles', current_user
                        USING HINT = 'as a user who may, and who may grant on this schema: SELECT signalpost.grant_roles()';
                    RETURN 'no roles: ' || current_user || ' may not create them';
            END;
        END IF;
    END LOOP;
    -- These hold for whoever logs in as the role itself; give users of your own the same.
    FOR setting IN SELECT * FROM (VALUES ('signalpost_reader', 'default_transaction_read_only', 'on'),
                                         ('signalpost_reader', 'statement_timeout', '10s'),
                                         ('signalpost_operator', 'statement_timeout', '60s')) AS s (role, name, value)
    LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
                           WHERE r.rolname = setting.role AND s.setdatabase = 0 AND setting.name || '=' || setting.value = ANY (s.setconfig)) THEN
                EXECUTE format('ALTER ROLE %I SET %I = %L', setting.role, setting.name, setting.value);
            END IF;
            IF NOT pg_has_role('signalpost_operator', 'signalpost_reader', 'MEMBER') THEN
                GRANT signalpost_reader TO signalpost_operator;
            END IF;
        EXCEPTION WHEN insufficient_privilege OR internal_error THEN -- the latter: another database is at the same row
            RAISE NOTICE 'the role % was not set up: %', setting.role, sqlerrm
                USING HINT = 'as a user who may alter it: SELECT signalpost.grant_roles()';
        END;
    END LOOP;
    GRANT USAGE ON SCHEMA signalpost TO signalpost_reader, signalpost_operator;
    FOR thing IN SELECT c.relname AS name FROM pg_class c
                 WHERE c.relnamespace = 'signalpost'::regnamespace AND c.relname = ANY (readable) LOOP
        EXECUTE format('GRANT SELECT ON signalpost.%I TO signalpost_reader, signalpost_operator', thing.name);
    END LOOP;
    FOR thing IN SELECT c.relname AS name, string_agg(quote_ident(a.attname), ', ') AS columns
                 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                 WHERE c.relnamespace = 'signalpost'::regnamespace AND c.relname = ANY (guarded) AND a.atttypid <> 'bytea'::regtype
                 GROUP BY c.relname LOOP
        EXECUTE format('GRANT SELECT (%s) ON signalpost.%I TO signalpost_reader, signalpost_operator', thing.columns, thing.name);
    END LOOP;
    FOR thing IN SELECT p.oid::regprocedure AS name FROM pg_proc p
                 WHERE p.pronamespace = 'signalpost'::regnamespace AND p.proname = ANY (operations) LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', thing.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO signalpost_operator', thing.name);
    END LOOP;
    RETURN 'signalpost_reader may read, signalpost_operator may also operate';
END $$;
COMMENT ON FUNCTION signalpost.grant_roles() IS
    'Makes the roles signalpost_reader and signalpost_operator, if the caller may, and grants them what they may see and do. Harmless to repeat.';
REVOKE EXECUTE ON FUNCTION signalpost.grant_roles() FROM PUBLIC;
DO $$ BEGIN
    PERFORM signalpost.grant_roles();
END $$;
