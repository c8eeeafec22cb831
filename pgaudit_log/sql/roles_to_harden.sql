-- What the roles names are: whether each may log in, is a superuser or makes roles; the roles that it is a
-- member of and that are not bound by privileges, and all that it is a member of.
--   owner   the role that owns the log
--   places  the roles that own the database, or a schema, and keep it
SELECT
    rolname::text,
    rolcanlogin,
    rolsuper,
    rolcreaterole,
    ARRAY(
        SELECT other.rolname::text
        FROM pg_roles AS other
        WHERE other.oid <> mine.oid AND NOT mine.rolsuper
            AND pg_has_role(mine.oid, other.oid, 'MEMBER')
            AND (
                other.rolsuper
                OR other.rolname = %(owner)s
                OR other.rolname = ANY (%(places)s::text[])
                OR other.rolname IN (
                    'pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program',
                    'pg_read_server_files'
                )
            )
        ORDER BY 1
    ),
    ARRAY(
        SELECT other.rolname::text
        FROM pg_roles AS other
        WHERE other.oid <> mine.oid AND NOT mine.rolsuper AND pg_has_role(mine.oid, other.oid, 'MEMBER')
        ORDER BY 1
    ),
    has_parameter_privilege(mine.oid, 'session_replication_role', 'SET')
FROM pg_roles AS mine
WHERE rolname = ANY (%(names)s)
