-- pgaudit_log_may_write(): whether the role that runs the statement may write events itself: the one
-- of SET ROLE, else the one that had logged in. In functions with the rights of their owner it is
-- still the caller's.
-- Reads role.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_may_write()
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
BEGIN
    RETURN COALESCE(
        (
            SELECT has_table_privilege(pg_roles.oid, '@schema@.pgaudit_log_event'::regclass, 'INSERT')
            FROM pg_roles
            WHERE rolname = COALESCE(NULLIF(current_setting('role'), 'none'), session_user)
        ),
        false
    );
END;
$pgaudit_log$;
