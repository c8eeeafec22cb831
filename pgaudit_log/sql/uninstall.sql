-- What stands in a database for capture: its kind, its name, the statement that drops it, and what of
-- others reads from it. In all schemas; what writes into, or reads, this event table. The table itself
-- comes with its size instead of a statement.
WITH events AS (
    SELECT pg_class.oid, quote_ident(nspname) AS schema
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = to_regclass('pgaudit_log_event')
), captures AS (
    SELECT pg_proc.oid, prosrc
    FROM pg_proc, events
    WHERE pg_catalog.starts_with(proname::text, 'pgtrigger_')
        AND position('INSERT INTO ' || schema || '.pgaudit_log_event ' IN prosrc) > 0
), readers AS (
    SELECT DISTINCT
        ev_class AS oid,
        refobjid AS reads,
        relkind = 'v' AND obj_description(ev_class, 'pg_class') ~ '(^|\n)pgaudit_log:\S*$' AS is_ours
    FROM pg_rewrite
    JOIN pg_depend ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
    JOIN pg_class ON pg_class.oid = ev_class
    WHERE refclassid = 'pg_class'::regclass AND refobjid <> ev_class
), views AS (
    SELECT DISTINCT readers.oid FROM readers JOIN events ON reads = events.oid WHERE is_ours
)
SELECT
    'trigger',
    format('%I on %s', tgname, tgrelid::regclass),
    format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass),
    NULL
FROM pg_trigger, events
WHERE tgparentid = 0
    AND (
        tgfoid IN (SELECT oid FROM captures)
        OR tgfoid = to_regproc(schema || '.pgaudit_log_take_turn')
    )
UNION ALL
SELECT
    'function',
    oid::regprocedure::text,
    format('DROP FUNCTION %s', oid::regprocedure),
    NULL
FROM captures
UNION ALL
SELECT
    'function',
    condition.oid::regprocedure::text,
    format('DROP FUNCTION %s', condition.oid::regprocedure),
    NULL
FROM pg_proc AS condition
JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE pg_catalog.starts_with(proname::text, 'pgaudit_log_when_')
    AND EXISTS (
        SELECT FROM captures
        WHERE position(quote_ident(nspname) || '.' || proname IN captures.prosrc) > 0
    )
UNION ALL
SELECT
    'view',
    views.oid::regclass::text,
    format('DROP VIEW %s', views.oid::regclass),
    (
        SELECT string_agg(DISTINCT readers.oid::regclass::text, ', ')
        FROM readers
        WHERE reads = views.oid AND readers.oid NOT IN (SELECT oid FROM views)
    )
FROM views
UNION ALL
SELECT
    'table',
    events.oid::regclass::text,
    pg_size_pretty(
        (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(events.oid::regclass))
    ),
    (
        SELECT string_agg(DISTINCT readers.oid::regclass::text, ', ')
        FROM readers
        WHERE reads IN (SELECT relid FROM pg_partition_tree(events.oid::regclass))
            AND readers.oid NOT IN (SELECT oid FROM views)
    )
FROM events
ORDER BY 1, 2
