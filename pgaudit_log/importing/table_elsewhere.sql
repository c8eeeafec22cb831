-- table_elsewhere: the columns of a table with their types, in their order, and the columns of each of its
-- unique indexes; null and none where it is not there.
--   @table@  the table, as SQL names it
-- Reads search_path and quote_all_identifiers.
SELECT
    (
        SELECT json_agg(json_build_array(quote_ident(attname), format_type(atttypid, atttypmod)) ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = own.oid AND attnum > 0 AND NOT attisdropped
    ),
    ARRAY(
        SELECT (
            SELECT string_agg(pg_get_indexdef(indexrelid, place, TRUE), ', ' ORDER BY place)
            FROM generate_series(1, indnkeyatts) AS place
        )
        FROM pg_index
        WHERE indrelid = own.oid AND indisunique AND indpred IS NULL AND indexprs IS NULL
        ORDER BY indexrelid
    )
FROM (SELECT to_regclass(@table@) AS oid) AS own
