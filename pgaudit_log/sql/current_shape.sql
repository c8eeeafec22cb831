-- pgaudit_log_current_shape(tracked, masked): the number of the shape that a tracked table has now, for
-- events that no trigger writes; masked are the names of the columns whose values they do not
-- have. It writes nothing.
-- Raises where the shape was not written down since the table or one of its columns was renamed:
-- then a name would be taken for another.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_current_shape(
    tracked regclass,
    masked text[] DEFAULT '{}'::text[]
)
RETURNS integer
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
#variable_conflict use_column
DECLARE
    known integer;
BEGIN
    SELECT shape.id INTO known
    FROM @schema@.pgaudit_log_table AS own
    JOIN @schema@.pgaudit_log_shape AS shape ON shape.table_id = own.id
    WHERE own.relation = tracked
        AND own.database = @schema@.pgaudit_log_database()
        AND own.dropped_at IS NULL
        AND shape.columns = (
            SELECT jsonb_object_agg(name, number)
            FROM @schema@.pgaudit_log_column
            WHERE table_id = own.id AND attnum IS NOT NULL
        )
        AND shape.masked = ARRAY(
            SELECT number
            FROM @schema@.pgaudit_log_column
            WHERE table_id = own.id
                AND attnum IS NOT NULL
                AND name = ANY (pgaudit_log_current_shape.masked)
            ORDER BY number
        )
        AND NOT EXISTS (
            SELECT
            FROM @schema@.pgaudit_log_column AS field
            JOIN pg_attribute ON attrelid = tracked AND pg_attribute.attnum = field.attnum
            WHERE field.table_id = own.id AND attname <> field.name
        );
    IF NOT FOUND THEN
        RAISE EXCEPTION 'pgaudit_log: what the columns of % are called is not known', tracked
        USING ERRCODE = 'object_not_in_prerequisite_state',
              HINT = 'Run migrate, or manage.py pgaudit_log install.';
    END IF;
    RETURN known;
END;
$pgaudit_log$;
