-- insert_baselines: writes a baseline event of each row of a range of keys whose state no event tells.
-- The rows are locked: see lock_unknown.sql, which has the same holes and these:
--   @columns@   the columns that are read of a row
--   @snapshot@  the FROM item of the tracked columns, as events store them
--   @model@, @obj_pk@, @label@, @shape@, @refs@, @context@, @created_at@  what an event has of them
-- Reads the context from the statement and from pgaudit_log.context, and the settings under which
-- values are written as text: see values/pinned_settings.py.
INSERT INTO pgaudit_log_event (
    model, obj_pk, label, operation, shape, snapshot, refs, context_id, context, role, session, created_at
)
SELECT
    @model@,
    @obj_pk@,
    @label@,
    'B',
    capture.shape,
    to_jsonb(snapshot.*),
    @refs@,
    context.id,
    @context@,
    session_user,
    context.session,
    @created_at@
FROM (SELECT @shape@ OFFSET 0) AS capture (shape) -- looked up once a statement, not once a row
CROSS JOIN (
    SELECT @columns@
    FROM @table@ AS new
    WHERE @within@
        AND NOT @is_known@
    ORDER BY @key@
    FOR SHARE OF new @skip_locked@
) AS new
@snapshot@
CROSS JOIN pgaudit_log_context() AS context
