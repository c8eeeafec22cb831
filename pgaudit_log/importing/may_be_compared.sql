-- may_be_compared: a part of found.sql, where the values of records are not read yet: whether a record is
-- likely of a time of which this package's own events tell. It stands in for is_compared.sql: the last
-- record of an object that was made shortly before its first own event, and is of the same kind.
--   @skew@  how far the clocks may be apart
-- Reads no settings.
COALESCE(
            created_at >= began_at
                OR created_at >= began_at - interval '@skew@'
                AND operation IN (first_operation, CASE first_operation WHEN 'U' THEN 'B' END)
                AND COALESCE(next_at >= began_at, TRUE),
            FALSE
        )
