-- runs: a part of lines.sql, where several records may tell of one update, because several trackers
-- of the peer's have fired: each of them has the row before and after that the first of them has.
--   @life@  what the records of one object have in common
--   @key_names@  the names of the columns of the key
-- Reads no settings.
numbered AS (
    SELECT
        *,
        count(*) FILTER (WHERE NOT is_repeated) OVER (PARTITION BY @life@ ORDER BY place) AS run
    FROM chained
),
told_of_runs AS (
    SELECT
        source_id, record_id, place, @key_names@, created_at, kind, operation, has_old, not_before,
        first_value(previous_id) OVER run AS previous_id,
        first_value(previous_operation) OVER run AS previous_operation,
        last_value(next_id) OVER run AS next_id,
        last_value(next_has_old) OVER run AS next_has_old
    FROM numbered
    WINDOW run AS (
        PARTITION BY @life@, run ORDER BY place
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
),
