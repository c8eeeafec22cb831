-- insert_gaps: writes the events of gaps, behind what is there of their millisecond already.
--   @gaps@       what gaps.sql has found
--   @used@       the ids below 0 that are in use, the largest of each millisecond
--   @model@, @shape@, @baseline@, @delete@  what the events have
--   @pointing@, @refs@  the columns of a state that point at something, and what they point at
--   @peer@, @peer_table@, @import@  where the imported events came from
--   @lowest@, @ids_of_a_millisecond@  see values/past_ids.py; @txid@ the number of a transaction
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
INSERT INTO pgaudit_log_event (
    id, created_at, txid, shape, model, obj_pk, label, operation, snapshot, refs, role, origin
)
OVERRIDING SYSTEM VALUE
SELECT
    @lowest@::bigint + line.place,
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
FROM (
    SELECT
        gap.*,
        GREATEST(millisecond * @ids_of_a_millisecond@, used.largest + 1)
            + row_number() OVER (PARTITION BY millisecond ORDER BY obj_pk) - 1 AS place
    FROM @gaps@ AS gap
    LEFT JOIN (
@used@
    ) AS used USING (millisecond)
) AS line
CROSS JOIN LATERAL (SELECT @pointing@) AS new
ORDER BY line.place
