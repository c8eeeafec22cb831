-- pgaudit_log_database(): the cluster and the database, as text. Numbers that the server counts,
-- oids and transactions, are of one of these only: a dump that is restored is in another.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_database()
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
    SELECT control.system_identifier::text || '/' || pg_database.oid::text
    FROM pg_control_system() AS control
    CROSS JOIN pg_database
    WHERE pg_database.datname = current_database()
$pgaudit_log$;
