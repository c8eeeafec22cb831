-- insert_manual_event: writes one event of a row that is given as values, and returns its id.
-- The values are cast to their columns' types and rendered by pgaudit_log_snapshot(), so that they
-- look as if a trigger had captured them.
--   @row@     the values, as columns
--   @stored@  those of them that are tracked, as events store them
--   @model@, @obj_pk@, @label@, @shape@, @refs@, @is_by_clock@, @masked_context@  what the event
--             has of them
-- Reads for keys the settings under which values are written as text; for the snapshot
-- pgaudit_log_snapshot() pins those, and pgaudit_log_write_manual() reads the context.
SELECT pgaudit_log_write_manual(
    @model@,
    @obj_pk@,
    @label@,
    @shape@,
    (SELECT pgaudit_log_snapshot(tracked.*) FROM (SELECT @stored@) AS tracked),
    @refs@,
    @is_by_clock@,
    ARRAY[@masked_context@]::text[]
)
FROM (SELECT @row@) AS new
