-- The triggers that keep the event table append-only, and the tables that events are read with, where
-- one of those, or a partition, has one in another way than append_only.sql and keep_names.sql make it:
-- the relation and the trigger's name. One that is not ENABLE ALWAYS, calls another function, or only
-- sometimes, guards nothing.
WITH guarded (relation, type) AS (
    -- BEFORE UPDATE OR DELETE, each row.
    SELECT relid::oid, 27 FROM pg_partition_tree(to_regclass(%(events)s))
    UNION ALL
    SELECT to_regclass(name)::oid, 27 FROM pg_catalog.unnest(%(kept)s::text[]) AS own (name)
    UNION ALL
    -- BEFORE DELETE, each row.
    SELECT to_regclass(name)::oid, 11 FROM pg_catalog.unnest(%(updated)s::text[]) AS own (name)
)
SELECT guarded.relation::regclass::text, guard.name
FROM guarded
CROSS JOIN LATERAL (
    VALUES
        ('pgaudit_log_refuse_change', guarded.type),
        -- BEFORE TRUNCATE, each statement.
        ('pgaudit_log_refuse_truncate', 34)
) AS guard (name, type)
WHERE guarded.relation IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = guarded.relation
            AND tgname = guard.name
            AND tgtype = guard.type
            AND tgenabled = 'A'
            AND tgqual IS NULL
            AND tgattr = ''::int2vector
            AND tgfoid = to_regprocedure(%(refuse)s)
    )
ORDER BY 1, 2
