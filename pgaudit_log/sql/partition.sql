-- Makes a table that partition_table.sql has made a partition. Its constraint spares it being read.
CREATE TRIGGER pgaudit_log_refuse_truncate
    BEFORE TRUNCATE ON {partition}
    FOR EACH STATEMENT EXECUTE FUNCTION pgaudit_log_refuse_change();

ALTER TABLE {partition}
    ENABLE ALWAYS TRIGGER pgaudit_log_refuse_truncate;

ALTER TABLE pgaudit_log_event
    ATTACH PARTITION {partition} FOR VALUES FROM ('{start}') TO ('{end}');

ALTER TABLE {partition}
    ENABLE ALWAYS TRIGGER pgaudit_log_refuse_change;

ALTER TABLE {partition}
    DROP CONSTRAINT {bounds};
