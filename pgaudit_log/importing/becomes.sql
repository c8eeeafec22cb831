-- becomes: a part of lines.sql: the operation of the event of a record.
CASE
            WHEN operation <> 'U' THEN operation
            -- What became of the row, nothing tells.
            WHEN has_old AND NOT next_has_old THEN 'M'
            WHEN NOT has_old AND previous_operation IS DISTINCT FROM 'I'
                AND previous_operation IS DISTINCT FROM 'U' THEN 'B'
            ELSE 'U'
        END
