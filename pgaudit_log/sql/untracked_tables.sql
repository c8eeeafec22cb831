-- The tables beside captured ones that no trigger captures: in the schema of the event table or of a
-- captured one, with triggers told by the beginning of their INSERT, into. Those of this package
-- and of extensions are left out, and partitions, whose table stands for them.
WITH captured AS (
    SELECT DISTINCT tgrelid AS relation
    FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE strpos(prosrc, %(into)s) > 0
)
SELECT pg_class.oid::regclass::text, relname
FROM pg_class
WHERE relkind IN ('r', 'p')
    AND NOT relispartition
    AND relname <> ALL (%(own)s)
    -- What a rewrite of partitions fills, or has put aside.
    AND relname !~ '^pgaudit_log_(new_|old_|stay$)'
    AND relnamespace IN (
        SELECT relnamespace FROM pg_class WHERE oid = to_regclass(%(events)s)
        UNION
        SELECT relnamespace FROM pg_class JOIN captured ON relation = oid
    )
    AND NOT EXISTS (SELECT FROM captured WHERE relation = pg_class.oid)
    AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
    )
ORDER BY 1
