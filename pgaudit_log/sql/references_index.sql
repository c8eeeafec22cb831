-- All events whose row pointed at one object (setting: PGAUDIT_LOG_INDEX_REFERENCES).
-- New entries wait in a list, which each question reads whole and an insert now and then
-- has to empty: 256 kB of it take a few milliseconds, the default of 4 MB a hundred.
CREATE INDEX IF NOT EXISTS pgaudit_log_event_refs
    ON pgaudit_log_event USING gin (refs) WITH (gin_pending_list_limit = 256);
