-- A table that becomes a partition of the event table: see partition.sql. It is made beside the
-- parent, which locks the parent less than CREATE TABLE … PARTITION OF does.
-- The bounds are literal UTC, whatever the session's TimeZone is.
CREATE TABLE {partition} (
    LIKE pgaudit_log_event INCLUDING ALL EXCLUDING IDENTITY{without}
)
WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0.05);

ALTER TABLE {partition}
    ADD CONSTRAINT {bounds} CHECK (
        created_at >= '{start}'::timestamptz AND created_at < '{end}'::timestamptz
    );
