-- The capture triggers that would refuse every write of their tables: those whose functions name a
-- column that the table has not, or call the function of a condition that is gone, because a table
-- or a column that the condition asks was dropped. One that a stranger has put beside it neither takes its
-- place nor hides it. Each with what it misses.
WITH capture AS MATERIALIZED (
    SELECT
        tgname,
        tgrelid,
        tgfoid,
        proowner,
        prosrc,
        substring(prosrc FROM 'shape CONSTANT integer := ([0-9]+)')::integer AS shape
    FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE tgparentid = 0 AND pg_table_is_visible(tgrelid) AND position(%s IN prosrc) > 0
)
SELECT tgname, tgrelid::regclass::text AS relation, tgfoid::regprocedure::text AS signature, missing.name
FROM capture
CROSS JOIN LATERAL (
    SELECT quote_ident(written.key) AS name
    FROM (
        SELECT jsonb_object_keys(columns) FROM pgaudit_log_shape WHERE id = capture.shape
        EXCEPT
        SELECT attname::text
        FROM pg_attribute
        WHERE attrelid = tgrelid AND attnum > 0 AND NOT attisdropped
    ) AS written (key)
    WHERE position('"' || replace(written.key, '"', '""') || '"' IN prosrc) > 0
    UNION
    SELECT 'what its condition asks'
    FROM regexp_matches(prosrc, '((?:"(?:[^"]|"")*"|\w+)\.pgaudit_log_when_[0-9a-f]+)\(', 'g') AS called
    -- The regular expression is slow, and few functions have a condition.
    WHERE position('.pgaudit_log_when_' IN prosrc) > 0
        AND NOT EXISTS (
            SELECT
            FROM pg_proc AS condition
            JOIN pg_namespace ON pg_namespace.oid = condition.pronamespace
            JOIN pg_roles AS owner ON owner.oid = condition.proowner
            WHERE pg_catalog.quote_ident(nspname::text) || '.' || pg_catalog.quote_ident(condition.proname::text)
                    = called[1]
                AND (owner.rolsuper OR pg_catalog.pg_has_role(owner.oid, capture.proowner, 'MEMBER'))
        )
) AS missing
ORDER BY relation, tgname, missing.name
