-- boundary: the number of the first rows of a range of keys, and the key of the last of them.
-- No row where there is none. So a backfill finds where its next batch ends.
--   @table@      the tracked table
--   @within@     the test whether the row new is in the range
--   @key@        the columns of the key; @key_texts@ as text, @downwards@ in descending order
--   @limit@      how many rows a batch has
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
SELECT count(*) OVER (), @key_texts@
FROM (
    SELECT @key@
    FROM @table@ AS new
    WHERE @within@
    ORDER BY @key@
    LIMIT @limit@
) AS new
ORDER BY @downwards@
LIMIT 1
