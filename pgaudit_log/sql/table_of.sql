-- pgaudit_log_table_of(relation): the number of a table in pgaudit_log_table, which is made to
-- agree with what the table and its columns are called now.
-- A table, and a column, is the one with its oid or attnum, whatever its name is. Where a dump
-- was restored, or the table was made anew by hand, both have others, and the name tells.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_table_of(relation oid)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
#variable_conflict use_column
DECLARE
    here text := @schema@.pgaudit_log_database();
    called text := (
        SELECT quote_ident(nspname) || '.' || quote_ident(relname)
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE pg_class.oid = pgaudit_log_table_of.relation
    );
    known integer;
BEGIN
    LOCK TABLE @schema@.pgaudit_log_table IN SHARE ROW EXCLUSIVE MODE;

    SELECT id INTO known
    FROM @schema@.pgaudit_log_table
    WHERE relation = pgaudit_log_table_of.relation AND database = here AND dropped_at IS NULL;

    IF NOT FOUND THEN
        -- The newest of its name whose own table is not there any more.
        SELECT id INTO known
        FROM @schema@.pgaudit_log_table AS former
        WHERE former.name = called
            AND former.dropped_at IS NULL
            AND NOT (
                former.database = here
                AND EXISTS (SELECT FROM pg_class WHERE pg_class.oid = former.relation)
            )
        ORDER BY id DESC
        LIMIT 1;

        IF FOUND THEN
            UPDATE @schema@.pgaudit_log_column AS field
            SET attnum = (
                SELECT pg_attribute.attnum
                FROM pg_attribute
                WHERE attrelid = pgaudit_log_table_of.relation AND pg_attribute.attnum > 0
                    AND NOT attisdropped AND attname = field.name
            )
            WHERE field.table_id = known AND field.attnum IS NOT NULL;
        ELSE
            INSERT INTO @schema@.pgaudit_log_table (relation, database, name)
            VALUES (pgaudit_log_table_of.relation, here, called)
            RETURNING id INTO known;
        END IF;
    END IF;

    UPDATE @schema@.pgaudit_log_table
    SET relation = pgaudit_log_table_of.relation, database = here, name = called
    WHERE id = known
        AND (pgaudit_log_table.relation, database, name) IS DISTINCT FROM (pgaudit_log_table_of.relation, here, called);

    -- Columns that are gone leave their name to others.
    UPDATE @schema@.pgaudit_log_column AS field
    SET attnum = NULL
    WHERE field.table_id = known AND field.attnum IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM pg_attribute
            WHERE attrelid = pgaudit_log_table_of.relation AND pg_attribute.attnum = field.attnum
                AND NOT attisdropped
        );

    UPDATE @schema@.pgaudit_log_column AS field
    SET name = attname
    FROM pg_attribute
    WHERE field.table_id = known AND attrelid = pgaudit_log_table_of.relation
        AND pg_attribute.attnum = field.attnum AND name <> attname;

    INSERT INTO @schema@.pgaudit_log_column (table_id, number, attnum, name)
    SELECT
        known,
        row_number() OVER (ORDER BY pg_attribute.attnum)
            + COALESCE((SELECT max(number) FROM @schema@.pgaudit_log_column WHERE table_id = known), 0),
        pg_attribute.attnum,
        attname
    FROM pg_attribute
    WHERE attrelid = pgaudit_log_table_of.relation AND pg_attribute.attnum > 0 AND NOT attisdropped
        AND NOT EXISTS (
            SELECT FROM @schema@.pgaudit_log_column AS field
            WHERE field.table_id = known AND field.attnum = pg_attribute.attnum
        );

    RETURN known;
END;
$pgaudit_log$;
