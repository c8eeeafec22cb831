-- The triggers that keep the event table append-only, where it or a partition of it has one of them
-- in another way than append_only.sql makes it: the relation and the trigger's name. One that is
-- not ENABLE ALWAYS, calls another function, or only sometimes, guards nothing.
SELECT guarded.relid::regclass::text, guard.name
FROM pg_partition_tree(to_regclass(%(events)s)) AS guarded
CROSS JOIN (
    VALUES
        -- BEFORE UPDATE OR DELETE, each row; BEFORE TRUNCATE, each statement.
        ('pgaudit_log_refuse_change', 27),
        ('pgaudit_log_refuse_truncate', 34)
) AS guard (name, type)
WHERE NOT EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = guarded.relid
        AND tgname = guard.name
        AND tgtype = guard.type
        AND tgenabled = 'A'
        AND tgqual IS NULL
        AND tgattr = ''::int2vector
        AND tgfoid = to_regprocedure(%(refuse)s)
)
ORDER BY 1, 2
