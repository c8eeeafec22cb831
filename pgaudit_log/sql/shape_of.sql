-- pgaudit_log_shape_of(tracked, targets, path, masked): the number of the shape that a tracked table has
-- now, and what events call it and the tables that it points at. What is new is written down.
-- Whatever installs a capture function asks for it.
--   tracked   the table
--   targets   for each label that its events have, in model and in refs: the table, and the column
--             if refs give another value than its key:
--             {"shop.Order": ["shop_order"], "shop.Product.sku": ["shop_product", "sku"]}
--   path      the search_path in which those tables are found
--   masked    the names of the columns whose values the events do not have
--   labels    {"shop.Order": "shop.Order#7"}
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_shape_of(
    tracked oid,
    targets jsonb,
    path text,
    masked text[] DEFAULT '{}'::text[],
    OUT shape integer,
    OUT labels jsonb
)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
#variable_conflict use_column
DECLARE
    own integer := @schema@.pgaudit_log_table_of(tracked);
    current jsonb := (
        SELECT COALESCE(jsonb_object_agg(name, number), '{}')
        FROM @schema@.pgaudit_log_column
        WHERE table_id = own AND attnum IS NOT NULL
    );
    hidden integer[] := ARRAY(
        SELECT number
        FROM @schema@.pgaudit_log_column
        WHERE table_id = own AND attnum IS NOT NULL AND name = ANY (pgaudit_log_shape_of.masked)
        ORDER BY number
    );
    target record;
    relation oid;
    behind integer;
    field integer;
    called text;
BEGIN
    labels := '{}';
    FOR target IN SELECT key, value FROM jsonb_each(targets) LOOP
        PERFORM set_config('search_path', path, true);
        relation := pg_catalog.to_regclass(target.value OPERATOR(pg_catalog.->>) 0);
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        called := target.key;
        -- A table that is made only later has no number yet.
        IF relation IS NOT NULL THEN
            behind := @schema@.pgaudit_log_table_of(relation);
            field := NULL;
            IF jsonb_array_length(target.value) > 1 THEN
                SELECT number INTO field
                FROM @schema@.pgaudit_log_column
                WHERE table_id = behind AND attnum IS NOT NULL AND name = target.value ->> 1;
            END IF;
            called := @schema@.pgaudit_log_label_of(behind, field, called);
        END IF;
        labels := labels || jsonb_build_object(target.key, called);
    END LOOP;

    SELECT id INTO shape
    FROM @schema@.pgaudit_log_shape
    WHERE table_id = own AND columns = current AND masked = hidden;
    IF NOT FOUND THEN
        INSERT INTO @schema@.pgaudit_log_shape (table_id, columns, masked)
        VALUES (own, current, hidden)
        RETURNING id INTO shape;
    END IF;
END;
$pgaudit_log$;
