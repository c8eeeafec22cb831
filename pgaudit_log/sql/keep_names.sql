-- The triggers that keep what events are read with: what tables and columns were called, which shape
-- meant what, and under which keys values were hashed; and the horizons and holds of retentions. Rows
-- come and are brought up to date, but none goes; a label, a shape and a key mean the same for ever.
-- ENABLE ALWAYS, as those of the event table.
DO $pgaudit_log$
DECLARE
    kept record;
BEGIN
    FOR kept IN
        VALUES
            ('@schema@.pgaudit_log_incarnation'::regclass, 'DELETE'),
            ('@schema@.pgaudit_log_table', 'DELETE'),
            ('@schema@.pgaudit_log_column', 'DELETE'),
            ('@schema@.pgaudit_log_horizon', 'DELETE'),
            ('@schema@.pgaudit_log_hold', 'DELETE'),
            ('@schema@.pgaudit_log_label', 'UPDATE OR DELETE'),
            ('@schema@.pgaudit_log_shape', 'UPDATE OR DELETE'),
            ('@schema@.pgaudit_log_mask_key', 'UPDATE OR DELETE')
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER pgaudit_log_refuse_change BEFORE %s ON %s'
            ' FOR EACH ROW EXECUTE FUNCTION @schema@.pgaudit_log_refuse_change()',
            kept.column2, kept.column1
        );
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER pgaudit_log_refuse_truncate BEFORE TRUNCATE ON %s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION @schema@.pgaudit_log_refuse_change()',
            kept.column1
        );
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER pgaudit_log_refuse_change', kept.column1);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER pgaudit_log_refuse_truncate', kept.column1);
    END LOOP;
END;
$pgaudit_log$;
