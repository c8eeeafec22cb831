-- The triggers that keep the event table append-only. Row triggers of the parent
-- are copied to each partition by PostgreSQL; TRUNCATE triggers are not, so each
-- partition gets its own (partition.sql). ENABLE ALWAYS: they hold under
-- session_replication_role = replica too.
CREATE OR REPLACE TRIGGER pgaudit_log_refuse_change
    BEFORE UPDATE OR DELETE ON @schema@.pgaudit_log_event
    FOR EACH ROW EXECUTE FUNCTION @schema@.pgaudit_log_refuse_change();

ALTER TABLE @schema@.pgaudit_log_event
    ENABLE ALWAYS TRIGGER pgaudit_log_refuse_change;

DO $pgaudit_log$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN SELECT relid FROM pg_partition_tree('@schema@.pgaudit_log_event') LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER pgaudit_log_refuse_truncate BEFORE TRUNCATE ON %s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION @schema@.pgaudit_log_refuse_change()',
            relation
        );
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER pgaudit_log_refuse_truncate', relation);
    END LOOP;
END;
$pgaudit_log$;
