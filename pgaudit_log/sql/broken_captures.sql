-- The capture triggers that would refuse every write of their tables: those whose functions name a
-- column that the table has not, or call the function of a condition that is gone, because a table
-- or a column that the condition asks was dropped. Each with what it misses.
SELECT tgname, tgrelid::regclass::text AS relation, tgfoid::regprocedure::text AS signature, missing.name
FROM pg_trigger
JOIN pg_proc ON pg_proc.oid = tgfoid
CROSS JOIN LATERAL (
    SELECT quote_ident(written.key) AS name
    FROM pgaudit_log_shape AS shape
    CROSS JOIN LATERAL jsonb_object_keys(shape.columns) AS written (key)
    WHERE shape.id = substring(prosrc FROM 'shape CONSTANT integer := ([0-9]+)')::integer
        AND position('"' || replace(written.key, '"', '""') || '"' IN prosrc) > 0
        AND NOT EXISTS (
            SELECT FROM pg_attribute
            WHERE attrelid = tgrelid AND attname = written.key AND attnum > 0 AND NOT attisdropped
        )
    UNION
    SELECT 'what its condition asks'
    FROM regexp_matches(prosrc, '((?:"(?:[^"]|"")*"|\w+)\.pgaudit_log_when_[0-9a-f]+)\(', 'g') AS called
    WHERE to_regproc(called[1]) IS NULL
) AS missing
WHERE tgparentid = 0 AND pg_table_is_visible(tgrelid) AND position(%s IN prosrc) > 0
ORDER BY relation, tgname, missing.name
