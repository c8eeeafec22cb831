-- insert_events: writes the events of a range of lines.
--   @target@  the event table, or a table that becomes a partition of it
--   @events@  events.sql
-- Reads no settings but those of events.sql.
INSERT INTO @target@ (
    id, created_at, txid, shape, model, obj_pk, label, operation, snapshot, diff, refs, context_id,
    context, role, origin
)
OVERRIDING SYSTEM VALUE
@events@
