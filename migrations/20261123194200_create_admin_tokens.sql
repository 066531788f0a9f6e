-- Who may call AdminService, and publish without a write key. Only hashes are kept.
CREATE TABLE signalpost.admin_tokens (
    name text PRIMARY KEY CHECK (name <> ''),
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    may_publish boolean NOT NULL DEFAULT false,
    prefix text NOT NULL,
    hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
COMMENT ON TABLE signalpost.admin_tokens IS 'Tokens for AdminService; only their hashes are kept.';
COMMENT ON COLUMN signalpost.admin_tokens.name IS 'Its name, which audit_log shows.';
COMMENT ON COLUMN signalpost.admin_tokens.role IS 'viewer: reads; operator: also pauses, retries, redrives, tests; admin: everything.';
COMMENT ON COLUMN signalpost.admin_tokens.may_publish IS 'Whether ingest takes events with it, for any source.';
COMMENT ON COLUMN signalpost.admin_tokens.prefix IS 'The first characters of the token, to tell tokens apart.';
COMMENT ON COLUMN signalpost.admin_tokens.hash IS 'SHA-256 of the token.';
COMMENT ON COLUMN signalpost.admin_tokens.created_at IS 'When it was made.';
COMMENT ON COLUMN signalpost.admin_tokens.expires_at IS 'From when it is refused; null: it does not end by itself.';
COMMENT ON COLUMN signalpost.admin_tokens.revoked_at IS 'Since when it is refused; null while it is good.';

CREATE FUNCTION signalpost.audit_admin_tokens() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token text := 'token ' || coalesce(NEW.name, OLD.name);
    detail json;
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM signalpost.audit('token.delete', token, '{}');
        RETURN NULL;
    END IF;
    detail := json_build_object('role', NEW.role, 'may_publish', NEW.may_publish, 'expires_at', NEW.expires_at);
    IF TG_OP = 'INSERT' THEN
        PERFORM signalpost.audit('token.create', token, detail);
    ELSIF OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL THEN
        PERFORM signalpost.audit('token.revoke', token, '{}');
    ELSE
        PERFORM signalpost.audit('token.update', token, detail);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION signalpost.audit_admin_tokens() IS 'Trigger: tells audit_log of changes of tokens, never the tokens.';
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON signalpost.admin_tokens
    FOR EACH ROW EXECUTE FUNCTION signalpost.audit_admin_tokens();
-- Ingest takes events with some of them.
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE ON signalpost.admin_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION signalpost.catalog_changed();

REVOKE EXECUTE ON FUNCTION signalpost.audit_admin_tokens() FROM PUBLIC;
