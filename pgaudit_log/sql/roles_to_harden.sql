-- What the roles names are: whether each may log in, is a superuser or makes roles; and the roles that it
-- is a member of, with what those are, as reasons why it is not bound by privileges.
--   owner   the role that owns the log
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
                OR other.rolname IN (
                    'pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program',
                    'pg_read_server_files'
                )
            )
        ORDER BY 1
    ),
    has_parameter_privilege(mine.oid, 'session_replication_role', 'SET')
FROM pg_roles AS mine
WHERE rolname = ANY (%(names)s)
