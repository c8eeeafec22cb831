-- The columns and constraints of the tables names of this package in the schema schema:
-- which table, whether it is logged, and both as JSON.
SELECT
    relname,
    relpersistence = 'p',
    (
        SELECT json_agg(json_build_array(
            attname,
            format_type(atttypid, atttypmod),
            attnotnull,
            attidentity,
            CASE WHEN attidentity = '' THEN pg_get_expr(adbin, adrelid) END,
            CASE WHEN attcollation <> typcollation THEN collname END
        ))
        FROM pg_attribute
        JOIN pg_type ON pg_type.oid = atttypid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        LEFT JOIN pg_collation ON pg_collation.oid = attcollation
        WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    ),
    (
        SELECT COALESCE(json_agg(json_build_array(
            contype,
            (
                SELECT json_agg(attname ORDER BY position)
                FROM unnest(conkey) WITH ORDINALITY AS part (number, position)
                JOIN pg_attribute ON attrelid = conrelid AND attnum = part.number
            ),
            conname
        )), '[]')
        FROM pg_constraint
        WHERE conrelid = pg_class.oid AND contype IN ('p', 'u', 'f', 'c', 'x')
    )
FROM pg_class
WHERE relnamespace = %(schema)s::regnamespace AND relname = ANY (%(names)s) AND relkind IN ('r', 'p')
