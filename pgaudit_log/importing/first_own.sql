-- first_own: a part of lines.sql: the first event of this package's own about each object. What the peer
-- recorded from then on is compared, not imported.
--   @labels@  what events call the table
-- Reads no settings.
LEFT JOIN (
    SELECT DISTINCT ON (obj_pk)
        obj_pk, created_at AS began_at, operation AS first_operation, snapshot AS first_snapshot, diff AS first_diff
    FROM pgaudit_log_event
    WHERE model IN (@labels@) AND id > 0 AND operation IN ('I', 'U', 'D', 'B') AND obj_pk IS NOT NULL
    ORDER BY obj_pk, id
) AS own USING (obj_pk)
