-- insert_gaps: writes the events of gaps, behind what is there of their millisecond already.
--   @gaps@       what gaps.sql has found
--   @placed@     placed.sql
--   @model@, @shape@, @baseline@, @delete@  what the events have
--   @pointing@, @refs@  the columns of a state that point at something, and what they point at
--   @peer@, @peer_table@, @import@  where the imported events came from
--   @txid@       the number of a transaction
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
WITH wanted AS (
    SELECT gap.*, obj_pk AS place
    FROM @gaps@ AS gap
),
@placed@
INSERT INTO pgaudit_log_event (
    id, created_at, txid, shape, model, obj_pk, label, operation, snapshot, refs, role, origin
)
OVERRIDING SYSTEM VALUE
SELECT
    line.id,
    line.created_at,
    @txid@,
    @shape@,
    @model@,
    line.obj_pk,
    CASE line.operation WHEN 'B' THEN @baseline@ ELSE @delete@ END,
    line.operation,
    line.state,
    @refs@,
    '',
    jsonb_build_object('peer', @peer@, 'table', @peer_table@, 'import', @import@::bigint)
FROM placed AS line
CROSS JOIN LATERAL (SELECT @pointing@) AS new
ORDER BY line.id
