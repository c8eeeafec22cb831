-- The triggers that keep events from being changed, where the event table or a partition of it
-- lacks one, or has it in another state than ENABLE ALWAYS: the relation and the trigger's name.
SELECT guarded.relid::regclass::text, guard.name
FROM pg_partition_tree(to_regclass(%s)) AS guarded
CROSS JOIN (VALUES ('pgaudit_log_refuse_change'), ('pgaudit_log_refuse_truncate')) AS guard (name)
WHERE NOT EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = guarded.relid AND tgname = guard.name AND tgenabled = 'A'
)
ORDER BY 1, 2
