-- becomes: a part of found.sql: the operation of the event of a record.
--   @is_known@  whether a record of the row before an update is followed by one that has the row after
-- Reads no settings.
CASE
            WHEN operation <> 'U' THEN operation
            WHEN has_old AND NOT @is_known@ THEN 'M'
            WHEN NOT has_old AND COALESCE(previous_operation, 'D') NOT IN ('I', 'U', 'B') THEN 'B'
            ELSE 'U'
        END
