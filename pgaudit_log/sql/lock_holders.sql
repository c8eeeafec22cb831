-- Who has locks of tables, those that have run longest first: the virtual id of the transaction, its
-- process, for how many seconds it has run, its query, and the name under which it was prepared.
-- With only_writers, who inserts or has inserted.
SELECT DISTINCT
    held.virtualtransaction,
    held.pid,
    extract(epoch FROM clock_timestamp() - xact_start) AS seconds,
    left(query, 200),
    (
        SELECT gid
        FROM pg_locks AS own
        JOIN pg_prepared_xacts ON transaction = own.transactionid
        WHERE own.virtualtransaction = held.virtualtransaction AND own.pid IS NULL
        LIMIT 1
    )
FROM pg_locks AS held
LEFT JOIN pg_stat_activity AS session ON session.pid = held.pid
WHERE locktype = 'relation'
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relation IN (SELECT to_regclass(name) FROM pg_catalog.unnest(%(tables)s::text[]) AS name)
    AND granted
    AND held.pid IS DISTINCT FROM pg_backend_pid()
    AND (NOT %(only_writers)s OR mode = 'RowExclusiveLock')
ORDER BY seconds DESC NULLS FIRST
