-- pgaudit_log_txid(): the number that events of the running transaction have.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_txid()
RETURNS bigint
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
    SELECT txid_current() + (COALESCE(max(number), 0)::bigint << 48)
    FROM @schema@.pgaudit_log_incarnation
$pgaudit_log$;
