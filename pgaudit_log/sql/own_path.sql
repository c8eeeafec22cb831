-- While the schema is made, names mean what PostgreSQL means by them: nobody can have put an
-- operator or a function in the way that an index, a default or a check would keep.
DO $pgaudit_log$
BEGIN
    PERFORM pg_catalog.set_config('pgaudit_log.path', pg_catalog.current_setting('search_path'), true);
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
END;
$pgaudit_log$;
