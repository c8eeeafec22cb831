-- The partitions of tracked tables that lack one of the statement-level capture triggers
-- names which write into one event table, told by the beginning of their INSERT, into; or that
-- have it disabled, or another way. With what makes them: table, trigger, function, operation,
-- REFERENCING clause.
SELECT
    leaf.relid::regclass::text,
    captured.tgname,
    captured.tgfoid::regproc::text,
    CASE
        WHEN captured.tgtype & 4 <> 0 THEN 'INSERT'
        WHEN captured.tgtype & 8 <> 0 THEN 'DELETE'
        WHEN captured.tgtype & 16 <> 0 THEN 'UPDATE'
        ELSE 'TRUNCATE'
    END,
    concat_ws(
        ' ',
        CASE WHEN num_nulls(captured.tgoldtable, captured.tgnewtable) < 2 THEN 'REFERENCING' END,
        'OLD TABLE AS ' || captured.tgoldtable,
        'NEW TABLE AS ' || captured.tgnewtable
    )
FROM pg_trigger AS captured
JOIN pg_class AS tracked ON tracked.oid = captured.tgrelid AND tracked.relkind = 'p'
JOIN pg_proc ON pg_proc.oid = captured.tgfoid
CROSS JOIN pg_partition_tree(tracked.oid) AS leaf
WHERE captured.tgname = ANY (%(names)s)
    AND strpos(prosrc, %(into)s) > 0
    AND leaf.level > 0
    AND NOT EXISTS (
        SELECT FROM pg_trigger AS present
        WHERE present.tgrelid = leaf.relid
            AND present.tgfoid = captured.tgfoid
            AND present.tgtype = captured.tgtype
            AND present.tgenabled IN ('O', 'A')
            AND present.tgqual IS NULL
            AND present.tgoldtable IS NOT DISTINCT FROM captured.tgoldtable
            AND present.tgnewtable IS NOT DISTINCT FROM captured.tgnewtable
    )
ORDER BY 1, 2
