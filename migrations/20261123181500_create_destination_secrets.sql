-- What a destination signs with beside its shared secret: the one before it, and those of Standard Webhooks.
CREATE TABLE signalpost.destination_secrets (
    destination_id bigint NOT NULL REFERENCES signalpost.destinations (id) ON DELETE CASCADE,
    purpose text NOT NULL CHECK (purpose IN ('previous_shared_secret', 'webhook_secret', 'previous_webhook_secret')),
    sealed bytea NOT NULL,
    sealing_key text NOT NULL,
    PRIMARY KEY (destination_id, purpose)
);
COMMENT ON TABLE signalpost.destination_secrets IS 'What a destination signs with beside its shared secret.';
COMMENT ON COLUMN signalpost.destination_secrets.destination_id IS 'The destination it belongs to.';
COMMENT ON COLUMN signalpost.destination_secrets.purpose IS
    'previous_shared_secret: signs X-Signature-Previous while receivers change over; webhook_secret and previous_webhook_secret: sign webhook-signature.';
COMMENT ON COLUMN signalpost.destination_secrets.sealed IS 'The secret, sealed (ChaCha20-Poly1305).';
COMMENT ON COLUMN signalpost.destination_secrets.sealing_key IS 'Id of the sealing key that opens it.';

CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE ON signalpost.destination_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION signalpost.catalog_changed();
