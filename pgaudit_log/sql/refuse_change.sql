-- pgaudit_log_refuse_change(): keeps the event table append-only.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_refuse_change()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
BEGIN
    RAISE EXCEPTION 'pgaudit_log: % on %.% refused: events are append-only',
        TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation',
          HINT = 'Correct the tracked row instead; its correction is captured as an event of its own.';
END;
$pgaudit_log$;
