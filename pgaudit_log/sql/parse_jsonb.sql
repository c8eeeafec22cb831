-- pgaudit_log_parse_jsonb(value): value as jsonb; text that is not JSON comes back
-- as {"malformed": "..."}: what another program put into the context must neither
-- be lost nor refuse the write that it came with.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_parse_jsonb(value text)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
BEGIN
    -- This block starts a subtransaction, but it writes nothing and so takes no
    -- transaction id.
    RETURN value::jsonb;
EXCEPTION
    WHEN OTHERS THEN
        RETURN jsonb_build_object('malformed', left(value, 1000));
END;
$pgaudit_log$;
