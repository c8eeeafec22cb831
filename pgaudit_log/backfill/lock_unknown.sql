-- lock_unknown: locks the rows of a range of keys whose state no event tells, and counts them.
-- Writers have to wait for the end of the transaction, so that the statement after this one sees
-- what was committed until then, and nothing comes after it.
--   @table@        the tracked table
--   @within@       the test whether the row new is in the range
--   @is_known@     is_known.sql
--   @key@          the columns of the key
--   @skip_locked@  SKIP LOCKED, for a range of more than one row: no writer ever waits for a
--                  backfill that waits for a writer
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
SELECT count(*)
FROM (
    SELECT
    FROM @table@ AS new
    WHERE @within@
        AND NOT @is_known@
    ORDER BY @key@
    FOR SHARE OF new @skip_locked@
) AS locked
