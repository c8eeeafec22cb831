-- last_events: the newest event of each model among the newest events of the log.
--   model, id, created_at  the event
--   since                  the time of the oldest event that was looked at
--   looked_at              how many were
--   @events@           the event table
--   @most@             how many are looked at
--   @first@, @last@    between what Python knows of times
-- Reads no settings.
SELECT DISTINCT ON (model)
    model,
    id,
    LEAST(GREATEST(created_at, @first@), @last@) AT TIME ZONE 'UTC',
    LEAST(GREATEST(min(created_at) OVER (), @first@), @last@) AT TIME ZONE 'UTC',
    count(*) OVER ()
FROM (
    SELECT model, id, created_at
    FROM @events@
    ORDER BY id DESC
    LIMIT @most@
) AS newest
ORDER BY model, id DESC
