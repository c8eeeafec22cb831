-- pgaudit_log_label_of(table_id, number, label): what events call a table, or the column of it
-- that refs give the value of: the label, unless that means another one already.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_label_of(table_id integer, number integer, label text)
RETURNS text
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[label, label || '#' || concat_ws('.', table_id, number)] LOOP
        INSERT INTO @schema@.pgaudit_log_label AS known (label, table_id, number)
        VALUES (wanted, pgaudit_log_label_of.table_id, pgaudit_log_label_of.number)
        ON CONFLICT ON CONSTRAINT pgaudit_log_label_pkey DO NOTHING;
        PERFORM
        FROM @schema@.pgaudit_log_label AS known
        WHERE known.label = wanted
            AND known.table_id = pgaudit_log_label_of.table_id
            AND known.number IS NOT DISTINCT FROM pgaudit_log_label_of.number;
        IF FOUND THEN
            RETURN wanted;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'pgaudit_log: the label % means another table', wanted;
END;
$pgaudit_log$;
