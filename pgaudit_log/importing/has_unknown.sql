-- has_unknown: whether there may be a row whose state no event tells, so that a backfill is worth its time:
-- it asks one row after the other. See is_known.sql of the backfill, which says the same of one row.
--   @states@     what the peer has told last of each object: see states.sql
--   @belongs@    the test whether an event is one of the declaration's
--   @labels@     what events call the tracked table
--   @event_labels@  the labels of the trackers whose events are meant
--   @table@, @key@  the tracked table, and the text of the key of its row new
--   @snapshot@   the FROM item of the tracked columns of the row, as events store them
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
WITH own AS MATERIALIZED (
    SELECT DISTINCT ON (obj_pk) obj_pk, id, label, operation
    FROM pgaudit_log_event
    WHERE @belongs@
        AND id > 0
        AND operation IN ('I', 'U', 'D', 'B')
    ORDER BY obj_pk, id DESC
),
truncated AS MATERIALIZED (
    SELECT COALESCE(max(id), 0) AS id
    FROM pgaudit_log_event
    WHERE model IN (@labels@) AND obj_pk IS NULL AND operation = 'T'
)
SELECT EXISTS (
    SELECT
    FROM @table@ AS new
    LEFT JOIN @states@ AS theirs ON theirs.obj_pk = @key@
    LEFT JOIN own ON own.obj_pk = @key@
    CROSS JOIN truncated
    @snapshot@
    CROSS JOIN LATERAL (SELECT to_jsonb(snapshot.*) AS state) AS today
    WHERE CASE
        -- Of an event of no tracker, a backfill takes no notice.
        WHEN COALESCE(own.label, theirs.label) NOT IN (@event_labels@) THEN TRUE
        WHEN own.id IS NOT NULL THEN own.operation = 'D' OR own.id < truncated.id
        WHEN theirs.obj_pk IS NULL OR theirs.is_gone OR truncated.id > 0 THEN TRUE
        ELSE record_image_ne(ROW(today.state), ROW(theirs.state))
    END
)
