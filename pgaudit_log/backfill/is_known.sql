-- is_known: whether events tell the state of the row new of a tracked table.
-- It is a part of the other statements of a backfill. A row's state is not known without an insert,
-- an update or a baseline, after a delete, and after a truncate; and where the newest event was imported
-- and tells another state, because whoever recorded it has missed something since, or less than all of it.
--   @labels@        the label of the model, and those that it had before
--   @obj_pk@        the key of the row, as events have it
--   @event_labels@  the labels of the trackers whose events are meant
--   @snapshot@      the FROM item of the tracked columns of the row, as events store them
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
COALESCE((
    SELECT operation <> 'D' AND (id > (
        SELECT max(id)
        FROM pgaudit_log_event
        WHERE model IN (@labels@) AND obj_pk IS NULL AND operation = 'T'
    )) IS NOT FALSE
        AND CASE WHEN id > 0 THEN TRUE ELSE (
            SELECT record_image_eq(ROW(state), ROW(told.snapshot || COALESCE(told.changed, '{}')))
            FROM (SELECT to_jsonb(snapshot.*) AS state FROM (SELECT) AS nothing @snapshot@) AS today
            CROSS JOIN LATERAL (
                SELECT event.snapshot, (SELECT jsonb_object_agg(key, value -> 1) FROM jsonb_each(diff)) AS changed
            ) AS told
        ) END
    FROM pgaudit_log_event AS event
    WHERE model IN (@labels@)
        AND obj_pk = @obj_pk@
        AND label IN (@event_labels@)
        AND operation IN ('I', 'U', 'D', 'B')
    ORDER BY id DESC
    LIMIT 1
), FALSE)
