-- The capture triggers on tables, those that repeat them on partitions aside.
SELECT tgname, tgrelid::regclass::text AS relation, tgfoid::regprocedure::text AS signature
FROM pg_trigger
JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE tgparentid = 0
    AND tgrelid IN (SELECT to_regclass(name) FROM pg_catalog.unnest(%s::text[]) AS name)
    AND pg_catalog.starts_with(tgname::text, 'pgtrigger_')
    AND position(%s IN prosrc) > 0
ORDER BY relation, tgname
