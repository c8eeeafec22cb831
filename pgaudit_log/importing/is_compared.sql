-- is_compared: a part of found.sql: whether a record is of a time of which this package's own events tell.
-- Where its clock is another one than that of the first of these, a record of shortly before may be of the
-- same change: then it has the same operation and the same values.
--   @skew@      how far the clocks may be apart; none where they are one
--   @table@, @id@, @row@, @snapshot@, @known@  the records, and the row of one as events store it
COALESCE(created_at >= began_at, FALSE)
            OR CASE WHEN created_at >= began_at - interval '@skew@' AND operation IN (first_operation, CASE first_operation WHEN 'U' THEN 'B' END)
                THEN EXISTS (
                    SELECT
                    FROM @table@ AS source
                    CROSS JOIN LATERAL (SELECT @row@) AS new
                    @snapshot@
                    WHERE @id@ = source_id AND first_snapshot @> (to_jsonb(snapshot.*)@known@)
                )
                ELSE FALSE
            END