-- comparison: what a peer has recorded, and this package has captured, of the same time: how much is in
-- both, and what is only in one of them, each with how much of it there is.
--   @events@   the peer's records as events: see events.sql
--   @belongs@  the test whether event is one of the declaration's
--   @today@    its snapshot under today's names; @sent@ the function that makes one whole that refers
--              to other events
--   @tells_changes@  whether the peer tells of an update what it has changed, and no more: then that is
--              compared, not the row, in which it may have missed something before
--   @kept@     the columns that the peer has, but for those that are less exact there, which @compared@ takes out
--   @limit@    how many of the differences are wanted
-- Reads no settings but those of events.sql.
WITH theirs AS (
    SELECT
        obj_pk,
        operation,
        (CASE WHEN operation = 'U' AND @tells_changes@ THEN diff ELSE snapshot END@compared@)::text AS state,
        created_at,
        origin ->> 'id' AS id
    FROM (@events@) AS event
    -- A save that changed nothing, of which this package has no event.
    WHERE operation IN ('I', 'U', 'D') AND (diff@compared@) IS DISTINCT FROM '{}'
),
ours AS (
    SELECT
        event.obj_pk,
        event.operation,
        (
            SELECT jsonb_object_agg(key, value)::text
            FROM jsonb_each(
                CASE WHEN event.operation = 'U' AND @tells_changes@ THEN event.diff ELSE @sent@(@today@) END
            )
            WHERE key = ANY(@kept@)
        ) AS state,
        event.created_at,
        event.id::text AS id
    FROM pgaudit_log_event AS event
    WHERE @belongs@ AND event.id > 0 AND event.operation IN ('I', 'U', 'D')
        -- What changed nothing of what the peer knows.
        AND (event.diff IS NULL OR event.diff ?| @kept@)
),
side AS (
    SELECT TRUE AS is_theirs, theirs.* FROM theirs
    UNION ALL
    SELECT FALSE, ours.* FROM ours
),
counted AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY obj_pk, operation, state, is_theirs ORDER BY created_at, id) AS nth,
        count(*) FILTER (WHERE is_theirs) OVER same AS theirs,
        count(*) FILTER (WHERE NOT is_theirs) OVER same AS ours
    FROM side
    WINDOW same AS (PARTITION BY obj_pk, operation, state)
),
judged AS (
    SELECT *, nth <= LEAST(theirs, ours) AS is_in_both
    FROM counted
)
SELECT
    is_theirs, obj_pk, operation, id, created_at AT TIME ZONE 'UTC',
    (SELECT count(*) FROM judged WHERE is_in_both AND is_theirs) AS in_both,
    (SELECT count(*) FROM judged WHERE NOT is_in_both AND is_theirs) AS only_there,
    (SELECT count(*) FROM judged WHERE NOT is_in_both AND NOT is_theirs) AS only_here
FROM (SELECT) AS always
LEFT JOIN judged ON NOT is_in_both
ORDER BY created_at, obj_pk, is_theirs
LIMIT @limit@
