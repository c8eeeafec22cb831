-- settled: since when the oldest transaction runs that may still write events of its time.
-- An event has the time at which its transaction began, or a later one.
--   oldest    the start of the oldest running transaction, or a second ago: one that has just begun
--             may not be shown yet
--   hidden    the roles of sessions whose transactions the role in force may not see
--   prepared  the names of prepared transactions, whose start nobody knows
--   is_standby  whether this is a standby, which does not know what runs on its primary
-- Reads no settings.
SELECT
    LEAST(clock_timestamp() - interval '1 second', (
        SELECT min(xact_start)
        FROM pg_stat_activity
        WHERE datname = current_database()
            AND backend_type NOT IN ('autovacuum worker', 'parallel worker', 'walsender')
    )) AT TIME ZONE 'UTC',
    ARRAY(
        SELECT DISTINCT usename::text
        FROM pg_stat_activity
        WHERE datname = current_database() AND query = '<insufficient privilege>'
        ORDER BY 1
    ),
    ARRAY(SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1),
    pg_is_in_recovery()
