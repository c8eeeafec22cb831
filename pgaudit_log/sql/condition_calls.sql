-- The capture triggers of statements that call the function of a condition whose arguments have other
-- types than the columns have by now: a column was altered by hand, or dropped and made anew. Each
-- with the call, of NULLs of the columns' types. The capture function casts each column to the type
-- that it had: where the database cannot resolve the call without that, the condition judges what the
-- cast makes of a value, or every write is refused where there is no cast. Of row-level triggers
-- PostgreSQL lets no such column be altered.
-- Names and types are said in full, because it runs along the path of a session.
WITH capture AS MATERIALIZED (
    SELECT
        tgname,
        tgrelid,
        tgfoid,
        condition.oid AS condition,
        condition.proargtypes::oid[] AS types,
        condition.proargnames AS names
    FROM pg_catalog.pg_trigger
    JOIN pg_catalog.pg_proc ON pg_proc.oid = tgfoid
    JOIN pg_catalog.pg_proc AS condition
        ON condition.pronamespace = pg_proc.pronamespace
        AND pg_catalog.starts_with(condition.proname::text, 'pgaudit_log_when_'::text)
        AND position('.'::text || condition.proname::text || '('::text IN pg_proc.prosrc) > 0
    WHERE tgparentid = 0 AND pg_catalog.pg_table_is_visible(tgrelid)
        AND position(%s IN pg_proc.prosrc) > 0
)
SELECT
    tgname,
    tgrelid::regclass::text AS relation,
    tgfoid::regprocedure::text AS signature,
    pg_catalog.split_part(condition::regprocedure::text, '('::text, 1)
        || '('::text
        || pg_catalog.string_agg(
            'NULL::'::text || pg_catalog.format_type(atttypid, NULL), ', '::text ORDER BY argument.position
        )
        || ')'::text
        AS call
FROM capture
CROSS JOIN LATERAL unnest(types, names) WITH ORDINALITY AS argument (type, name, position)
JOIN pg_catalog.pg_attribute
    ON attrelid = tgrelid AND attname = pg_catalog.substr(argument.name, 5)
    AND attnum > 0 AND NOT attisdropped
GROUP BY tgname, tgrelid, tgfoid, condition, types
HAVING
    pg_catalog.bool_or(atttypid <> argument.type)
    AND pg_catalog.count(*) = pg_catalog.array_length(types, 1)
ORDER BY relation, tgname
