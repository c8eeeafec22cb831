-- states: what a peer has told last of each object: whether it is gone, and its row.
--   @belongs@  the test whether an event is one of the declaration's
-- Reads no settings.
SELECT
    obj_pk,
    newest.label,
    newest.operation = 'D' AS is_gone,
    CASE WHEN diff IS NULL THEN snapshot ELSE
        snapshot || (SELECT COALESCE(jsonb_object_agg(key, value -> 1), '{}') FROM jsonb_each(diff))
    END AS state
FROM (
    SELECT DISTINCT ON (obj_pk) obj_pk, id, created_at, label, operation
    FROM pgaudit_log_event
    WHERE @belongs@
        AND id < 0
        AND origin IS NOT NULL
        AND operation IN ('I', 'U', 'D', 'B')
    ORDER BY obj_pk, id DESC
) AS newest
JOIN (SELECT id, created_at, snapshot, diff FROM pgaudit_log_event) AS event USING (id, created_at)
