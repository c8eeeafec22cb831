-- pgaudit_log_note_large(tracked, columns): write down that events may refer, for the values of
-- these columns, to other events; readers look for that from now on, whatever is declared later.
-- Whatever installs a capture function with large columns calls it.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_note_large(tracked oid, columns text[])
RETURNS void
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
BEGIN
    UPDATE @schema@.pgaudit_log_column AS field
    SET is_large = true
    WHERE field.table_id = @schema@.pgaudit_log_table_of(tracked)
        AND field.attnum IS NOT NULL
        AND field.name = ANY (columns)
        AND NOT field.is_large;
END;
$pgaudit_log$;
