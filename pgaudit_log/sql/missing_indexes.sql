-- The statements that give a table the indexes that the event table has, as LIKE … INCLUDING INDEXES
-- would have done it, in their order.
--   %(table)s  the table, as SQL names it
SELECT
    CASE
        WHEN constraint_of.oid IS NOT NULL
            THEN format('ALTER TABLE %%s ADD %%s', %(table)s, pg_get_constraintdef(constraint_of.oid))
        ELSE format(
            'CREATE %%s INDEX ON %%s USING %%s',
            CASE WHEN indisunique THEN 'UNIQUE' END,
            %(table)s,
            split_part(
                pg_get_indexdef(indexrelid), format(' ON ONLY %%I.%%I USING ', nspname, events.relname), 2
            )
        )
    END
FROM pg_index
JOIN pg_class AS events ON events.oid = indrelid
JOIN pg_namespace ON pg_namespace.oid = events.relnamespace
LEFT JOIN pg_constraint AS constraint_of
    ON constraint_of.conindid = indexrelid AND constraint_of.conrelid = indrelid AND contype IN ('p', 'u')
WHERE indrelid = to_regclass('pgaudit_log_event')
ORDER BY indexrelid
