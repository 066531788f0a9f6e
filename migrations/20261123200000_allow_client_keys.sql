-- A destination's secrets may hold the private key of its client certificate.
ALTER TABLE signalpost.destination_secrets DROP CONSTRAINT destination_secrets_purpose_check;
ALTER TABLE signalpost.destination_secrets ADD CONSTRAINT destination_secrets_purpose_check
    CHECK (purpose IN ('previous_shared_secret', 'webhook_secret', 'previous_webhook_secret', 'client_key'));
COMMENT ON COLUMN signalpost.destination_secrets.purpose IS
    'previous_shared_secret: signs X-Signature-Previous while receivers change over; webhook_secret and previous_webhook_secret: sign webhook-signature; client_key: the private key of delivery.client_certificate.';
