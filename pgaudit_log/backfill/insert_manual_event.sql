-- insert_manual_event: writes one event of a row that is given as values, and returns its id.
-- The values are cast to their columns' types and rendered by pgaudit_log_snapshot(), so that they
-- look as if a trigger had captured them.
--   @row@     the values, as columns
--   @stored@  those of them that are tracked, as events store them
--   @model@, @obj_pk@, @label@, @shape@, @refs@, @context@, @created_at@  what the event has of them
-- Reads the context from the statement and from pgaudit_log.context, and for keys the settings under
-- which values are written as text; for the snapshot pgaudit_log_snapshot() pins those.
INSERT INTO pgaudit_log_event (
    model, obj_pk, label, operation, shape, snapshot, refs, context_id, context, role, session, created_at
)
SELECT
    @model@,
    @obj_pk@,
    @label@,
    'M',
    @shape@,
    (SELECT pgaudit_log_snapshot(tracked.*) FROM (SELECT @stored@) AS tracked),
    @refs@,
    context.id,
    @context@,
    session_user,
    context.session,
    @created_at@
FROM (SELECT @row@) AS new
CROSS JOIN pgaudit_log_context() AS context
RETURNING id
