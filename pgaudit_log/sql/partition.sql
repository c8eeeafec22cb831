-- One partition of the event table. It is made beside the parent and then attached,
-- which locks the parent less than CREATE TABLE … PARTITION OF does.
-- The bounds are literal UTC, whatever the session's TimeZone is.
CREATE TABLE {partition} (
    LIKE pgaudit_log_event INCLUDING ALL EXCLUDING IDENTITY
)
WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0.05);

ALTER TABLE {partition}
    ADD CONSTRAINT {bounds} CHECK (
        created_at >= '{start}'::timestamptz AND created_at < '{end}'::timestamptz
    );

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
