-- The capture triggers whose functions were made when a column of their table was called
-- otherwise: a key in the shape that they write means a column that has another name by now.
SELECT tgname
FROM pg_trigger
JOIN pg_proc ON pg_proc.oid = tgfoid
JOIN pgaudit_log_shape AS shape
    ON shape.id = substring(prosrc FROM 'shape CONSTANT integer := ([0-9]+)')::integer
JOIN pgaudit_log_table AS own ON own.id = shape.table_id AND own.relation = tgrelid
WHERE tgparentid = 0
    AND pg_table_is_visible(tgrelid)
    AND EXISTS (
        SELECT
        FROM jsonb_each(shape.columns) AS written
        JOIN pgaudit_log_column AS field
            ON field.table_id = own.id AND field.number = written.value::integer
        JOIN pg_attribute ON attrelid = tgrelid AND pg_attribute.attnum = field.attnum
        WHERE attname <> written.key
    )
