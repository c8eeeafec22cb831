-- untold: the first keys, in order, of rows of a tracked table that no event tells of.
--   @key@      the key of the row live as text
--   @table@    the tracked table
--   @within@   the test whether it comes behind those that were asked for before
--   @limit@    how many there are at most
--   @belongs@  the test whether event is one of the table
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
SELECT known.key
FROM @table@ AS live
CROSS JOIN LATERAL (SELECT (@key@) COLLATE "C" AS key) AS known
WHERE @within@
    AND NOT EXISTS (
        SELECT
        FROM pgaudit_log_event AS event
        WHERE @belongs@
            AND event.operation IN ('I', 'U', 'D', 'B')
            AND event.obj_pk = known.key
    )
ORDER BY known.key
LIMIT @limit@::bigint
