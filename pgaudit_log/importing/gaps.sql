-- gaps: what a peer has missed between its last record of an object and what is known since: a
-- baseline of the row as this package's first event found it, or the deletion of a row that is not
-- there any more, or that was there no more when it was inserted.
--   @states@     what the peer has told last of each object: see states.sql
--   @labels@     what events call the tracked table
--   @belongs@    the test whether an event is one of the declaration's
--   @table@, @key@  the tracked table, and the text of the key of its row live
--   @before@     the row as the first event of this package's own found it; @before_today@ under
--                today's names; @sent@ the function that makes a snapshot whole that refers to other events
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
WITH first AS MATERIALIZED (
    SELECT DISTINCT ON (obj_pk) *
    FROM (
        SELECT
            obj_pk, id, turn, created_at, shape, label, operation, snapshot, diff,
            -- Two transactions never change one row at the same time: all ids of one come first.
            min(id) OVER (PARTITION BY obj_pk, txid) AS first_id
        FROM pgaudit_log_event
        WHERE @belongs@
            AND id > 0
            AND operation IN ('I', 'U', 'D', 'B')
    ) AS own
    ORDER BY obj_pk, first_id, COALESCE(turn, id), id
),
missed AS (
    SELECT
        theirs.obj_pk,
        first.created_at,
        CASE WHEN first.operation = 'I' THEN 'D' ELSE 'B' END AS operation,
        CASE WHEN first.operation = 'I' THEN theirs.state ELSE before.state END AS state
    FROM @states@ AS theirs
    JOIN first USING (obj_pk)
    CROSS JOIN LATERAL (SELECT first.shape, @before@ AS snapshot) AS found
    CROSS JOIN LATERAL (SELECT @sent@(@before_today@) AS state) AS before
    WHERE CASE first.operation
        WHEN 'I' THEN NOT theirs.is_gone
        -- It says itself how the row was found.
        WHEN 'B' THEN FALSE
        ELSE theirs.is_gone OR EXISTS (
            SELECT
            FROM jsonb_each(theirs.state) AS known
            WHERE before.state ? known.key
                AND record_image_ne(ROW(before.state -> known.key), ROW(known.value))
        )
    END
    UNION ALL
    SELECT theirs.obj_pk, now(), 'D', theirs.state
    FROM @states@ AS theirs
    WHERE NOT is_gone
        AND NOT EXISTS (SELECT FROM first WHERE first.obj_pk = theirs.obj_pk)
        AND NOT EXISTS (
            SELECT FROM pgaudit_log_event
            WHERE model IN (@labels@) AND obj_pk IS NULL AND operation = 'T' AND id > 0
        )
        AND NOT EXISTS (
            SELECT FROM (SELECT @key@ AS obj_pk FROM @table@ AS live) AS live
            WHERE live.obj_pk = theirs.obj_pk
        )
)
SELECT obj_pk, created_at, operation, state, floor(extract(epoch FROM created_at) * 1000)::bigint AS millisecond
FROM missed
