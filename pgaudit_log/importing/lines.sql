-- lines: what an import will write, a line an event, in the order of their ids. It is made once, out
-- of what is narrow in the peer's table, so that the rows are then read in batches.
--   n            counts the lines
--   source_id    the record of the peer's that the event tells of
--   old_id, new_id  the records that have the row before and after an update
--   id           the event's
--   created_at   the record's time
--   operation    a letter
--   is_old       whether the event has the row as it was before the update
-- Holes:
--   @found@    found.sql; @wanted@ which of what it finds
--   @placed@   placed.sql
-- Reads no settings but those of found.sql.
@found@,
wanted AS (
    SELECT *, floor(extract(epoch FROM not_before) * 1000)::bigint AS millisecond
    FROM found
    WHERE @wanted@
),
@placed@
SELECT
    n,
    source_id,
    old_id,
    new_id,
    id,
    created_at,
    operation,
    is_old,
    obj_pk
FROM placed
