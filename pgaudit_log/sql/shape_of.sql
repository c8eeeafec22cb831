-- pgaudit_log_shape_of(tracked, label, targets): the number of the shape that a tracked table has
-- now; it is written down if it is new. Whatever installs a capture function asks for it.
--   tracked   the table
--   label     the label of its model, such as shop.Order
--   targets   the tables behind the labels of refs, and the column if it is not the key:
--             {"shop.Customer": ["shop_customer"], "shop.Product.sku": ["shop_product", "sku"]}
--   path      the search_path in which those tables are found
-- Reads no settings.
CREATE OR REPLACE FUNCTION pgaudit_log_shape_of(tracked oid, label text, targets jsonb, path text)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
#variable_conflict use_column
DECLARE
    own integer := @schema@.pgaudit_log_table_of(tracked);
    target record;
    relation oid;
    pointed_at integer;
    behind jsonb := '{}';
    numbers jsonb := (
        SELECT COALESCE(jsonb_object_agg(name, number), '{}')
        FROM @schema@.pgaudit_log_column
        WHERE table_id = own AND attnum IS NOT NULL
    );
    known integer;
BEGIN
    FOR target IN SELECT key, value FROM jsonb_each(targets) LOOP
        PERFORM set_config('search_path', path, true);
        relation := pg_catalog.to_regclass(target.value OPERATOR(pg_catalog.->>) 0);
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        -- A table that is made only later has no number yet; then the label says it.
        CONTINUE WHEN relation IS NULL;
        pointed_at := @schema@.pgaudit_log_table_of(relation);
        behind := behind || jsonb_build_object(
            target.key,
            jsonb_build_array(pointed_at) || COALESCE((
                SELECT jsonb_build_array(number)
                FROM @schema@.pgaudit_log_column
                WHERE table_id = pointed_at AND attnum IS NOT NULL AND name = target.value ->> 1
            ), '[]')
        );
    END LOOP;

    SELECT id INTO known
    FROM @schema@.pgaudit_log_shape
    WHERE table_id = own AND model = label AND columns = numbers AND refs = behind;
    IF NOT FOUND THEN
        INSERT INTO @schema@.pgaudit_log_shape (table_id, model, columns, refs)
        VALUES (own, label, numbers, behind)
        RETURNING id INTO known;
    END IF;
    RETURN known;
END;
$pgaudit_log$;
