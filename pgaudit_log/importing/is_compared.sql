-- is_compared: a part of found.sql: whether a record is of a time of which this package's own events tell.
-- Where its clock is another one than that of the first of these, a record of shortly before may be of the
-- same change: then it has the same operation and the same values. An update where the peer had missed
-- something before has the same changes, at least.
--   @skew@      how far the clocks may be apart; none where they are one
--   @table@, @id@, @row@, @snapshot@, @known@  the records, and the row of one as events store it, of
--               what both tell alike
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
COALESCE(created_at >= began_at, FALSE)
            OR CASE WHEN created_at >= began_at - interval '@skew@' AND operation IN (first_operation, CASE first_operation WHEN 'U' THEN 'B' END)
                THEN EXISTS (
                    WITH image AS (
                        SELECT @id@ AS id, to_jsonb(snapshot.*)@known@ AS state
                        FROM @table@ AS source
                        CROSS JOIN LATERAL (SELECT @row@) AS new
                        @snapshot@
                        WHERE @id@ IN (source_id, old_id)
                    )
                    SELECT
                    FROM image
                    LEFT JOIN image AS before ON before.id = old_id AND operation = 'U'
                    CROSS JOIN LATERAL (
                        SELECT jsonb_object_agg(key, jsonb_build_array(before.state -> key, value)) AS diff
                        FROM jsonb_each(image.state)
                        WHERE value <> before.state -> key
                    ) AS changed
                    WHERE image.id = source_id
                        AND (
                            first_snapshot @> image.state
                            OR changed.diff = (
                                SELECT jsonb_object_agg(key, value)
                                FROM jsonb_each(first_diff)
                                WHERE image.state ? key AND before.state ? key
                            )
                        )
                )
                ELSE FALSE
            END