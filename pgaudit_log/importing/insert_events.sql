-- insert_events: writes the events of a range of lines.
--   @events@  events.sql
INSERT INTO pgaudit_log_event (
    id, created_at, txid, shape, model, obj_pk, label, operation, snapshot, diff, refs, context_id,
    context, role, origin
)
OVERRIDING SYSTEM VALUE
@events@
