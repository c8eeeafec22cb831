-- All events whose row pointed at one object (setting: PGAUDIT_LOG_INDEX_REFERENCES).
CREATE INDEX IF NOT EXISTS pgaudit_log_event_refs
    ON pgaudit_log_event USING gin (refs);
