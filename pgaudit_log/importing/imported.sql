-- imported: a part of lines.sql: the records of a peer's table that have been imported already.
--   @labels@  what events call the table
--   @table@   what events call the peer's table, as a literal
-- Reads no settings.
LEFT JOIN (
    SELECT DISTINCT origin ->> 'id' AS record_id, TRUE AS is_there
    FROM pgaudit_log_event
    WHERE model IN (@labels@) AND id < 0 AND origin ->> 'table' = @table@
) AS imported USING (record_id)
