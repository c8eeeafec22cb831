-- first_unknown: the first key of a range whose row's state no event tells; no row where there is none.
-- Those are the rows that a batch left out, because writers had locked them.
--   @table@      the tracked table
--   @within@     the test whether the row new is in the range
--   @is_known@   is_known.sql
--   @key@        the columns of the key; @key_texts@ as text
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
SELECT @key_texts@
FROM @table@ AS new
WHERE @within@
    AND NOT @is_known@
ORDER BY @key@
LIMIT 1
