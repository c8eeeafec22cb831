-- The capture functions that write into an event table, told by the beginning of their INSERT, and
-- that no trigger calls; and the functions of conditions that only those call.
WITH captures AS (
    SELECT
        pg_proc.oid,
        prosrc,
        NOT EXISTS (SELECT FROM pg_trigger WHERE tgfoid = pg_proc.oid) AS is_alone
    FROM pg_proc
    WHERE pg_catalog.starts_with(proname::text, 'pgtrigger_') AND position(%s IN prosrc) > 0
)
SELECT oid::regprocedure::text FROM captures WHERE is_alone
UNION ALL
SELECT condition.oid::regprocedure::text
FROM pg_proc AS condition
JOIN pg_namespace ON pg_namespace.oid = pronamespace
CROSS JOIN LATERAL (
    SELECT bool_and(is_alone) AS are_alone
    FROM captures
    WHERE position(quote_ident(nspname) || '.' || condition.proname IN captures.prosrc) > 0
) AS callers
WHERE starts_with(condition.proname, 'pgaudit_log_when_') AND callers.are_alone
