-- Empties the event table, for the flush between the tests of a TransactionTestCase.
-- Only the owner of the table can: it disables the triggers that refuse TRUNCATE.
DO $pgaudit_log$
DECLARE
    relation regclass;
BEGIN
    IF to_regclass('pgaudit_log_event') IS NULL THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM pgaudit_log_event) THEN
        RETURN;
    END IF;
    FOR relation IN SELECT relid FROM pg_partition_tree('pgaudit_log_event') LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER pgaudit_log_refuse_truncate', relation);
    END LOOP;
    TRUNCATE pgaudit_log_event;
    FOR relation IN SELECT relid FROM pg_partition_tree('pgaudit_log_event') LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER pgaudit_log_refuse_truncate', relation);
    END LOOP;
END;
$pgaudit_log$
