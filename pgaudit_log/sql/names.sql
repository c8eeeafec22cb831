-- What the database knows of the tables %(tables)s: under each name, which table it is, what
-- events call it, what its columns are called now, what the keys of its events meant, which columns
-- have been large, and which have been masked.
-- A table that was restored from a dump has another oid, until `install` has looked at it.
WITH given AS (
    SELECT name, pg_catalog.to_regclass(name)::oid AS relation
    FROM pg_catalog.unnest(%(tables)s::text[]) AS given (name)
),
known AS (
    SELECT DISTINCT ON (given.name) given.name, given.relation, own.id, own.relation = given.relation AS is_anchored
    FROM given
    JOIN pg_class ON pg_class.oid = given.relation
    JOIN pgaudit_log_table AS own ON own.dropped_at IS NULL
        AND (
            own.relation = given.relation AND own.database = pgaudit_log_database()
            OR own.name = pg_catalog.quote_ident(relnamespace::regnamespace::text) || '.' || pg_catalog.quote_ident(relname::text)
                AND own.database <> pgaudit_log_database()
        )
    ORDER BY given.name, own.database = pgaudit_log_database() DESC, own.id DESC
)
SELECT
    known.name,
    (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(label, number) ORDER BY label)
        FROM pgaudit_log_label
        WHERE table_id = known.id
    ),
    (
        SELECT pg_catalog.json_object_agg(
            CASE WHEN known.is_anchored THEN pg_attribute.attname ELSE field.name END,
            field.number
        )
        FROM pgaudit_log_column AS field
        LEFT JOIN pg_attribute ON attrelid = known.relation AND pg_attribute.attnum = field.attnum
        WHERE field.table_id = known.id AND field.attnum IS NOT NULL
            AND NOT (known.is_anchored AND (pg_attribute.attname IS NULL OR attisdropped))
    ),
    (
        SELECT pg_catalog.json_object_agg(id, columns)
        FROM pgaudit_log_shape
        WHERE table_id = known.id
    ),
    known.id,
    (
        SELECT pg_catalog.json_agg(number)
        FROM pgaudit_log_column
        WHERE table_id = known.id AND is_large
    ),
    (
        SELECT pg_catalog.json_agg(DISTINCT number)
        FROM pgaudit_log_shape
        CROSS JOIN LATERAL pg_catalog.unnest(masked) AS number
        WHERE table_id = known.id
    )
FROM known
