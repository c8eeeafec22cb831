-- used_ids: a part of placed.sql: the largest id in use of each millisecond of a time.
--   @lowest@, @ids_of_a_millisecond@  see values/past_ids.py; @first@, @last@ the ids at its ends
-- Reads no settings.
        SELECT
            (id - @lowest@::bigint) / @ids_of_a_millisecond@ AS millisecond,
            max(id) - @lowest@::bigint AS largest
        FROM pgaudit_log_event
        WHERE id < 0 AND id BETWEEN @first@::bigint AND @last@::bigint
        GROUP BY 1
