-- Empties the event table, for the flush between the tests of a TransactionTestCase, and forgets
-- what tables were called that are gone: no event has their names any more, and the next test may
-- give them to others.
-- Only the owner of the table can: it disables the triggers that refuse both.
DO $pgaudit_log$
DECLARE
    relation regclass;
    gone integer[];
    kept regclass[];
BEGIN
    IF to_regclass('pgaudit_log_event') IS NULL THEN
        RETURN;
    END IF;
    kept := '{pgaudit_log_label,pgaudit_log_shape,pgaudit_log_column,pgaudit_log_table}';
    IF EXISTS (SELECT FROM pgaudit_log_event) THEN
        FOR relation IN SELECT relid FROM pg_partition_tree('pgaudit_log_event') LOOP
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER pgaudit_log_refuse_truncate', relation);
        END LOOP;
        TRUNCATE pgaudit_log_event;
        FOR relation IN SELECT relid FROM pg_partition_tree('pgaudit_log_event') LOOP
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER pgaudit_log_refuse_truncate', relation);
        END LOOP;
    END IF;
    gone := ARRAY(
        SELECT id
        FROM pgaudit_log_table AS known
        WHERE (dropped_at IS NOT NULL OR to_regclass(known.name) IS NULL)
            AND NOT EXISTS (SELECT FROM pg_class WHERE pg_class.oid = known.relation)
    );
    IF gone <> '{}' THEN
        FOREACH relation IN ARRAY kept LOOP
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER pgaudit_log_refuse_change', relation);
        END LOOP;
        DELETE FROM pgaudit_log_label WHERE table_id = ANY (gone);
        DELETE FROM pgaudit_log_shape WHERE table_id = ANY (gone);
        DELETE FROM pgaudit_log_column WHERE table_id = ANY (gone);
        DELETE FROM pgaudit_log_table WHERE id = ANY (gone);
        FOREACH relation IN ARRAY kept LOOP
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER pgaudit_log_refuse_change', relation);
        END LOOP;
    END IF;
END;
$pgaudit_log$
