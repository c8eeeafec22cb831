-- lines: what an import will write, a line an event, in the order of their ids. It is made once, out
-- of what is narrow in the peer's table, so that the rows are then read in batches.
--   n            counts the lines
--   source_id    the record of the peer's that the event tells of
--   old_id, new_id  the records that have the row before and after an update
--   id           the event's
--   created_at   the record's time
--   operation    a letter
--   is_old       whether the event has the row as it was before the update
-- Holes:
--   @found@    found.sql; @wanted@ which of what it finds
--   @used@     the ids below 0 that are in use, the largest of each millisecond
--   @lowest@, @ids_of_a_millisecond@  see values/past_ids.py
-- Reads no settings but those of found.sql.
@found@,
wanted AS (
    SELECT *, floor(extract(epoch FROM not_before) * 1000)::bigint AS millisecond
    FROM found
    WHERE @wanted@
),
used AS (
    SELECT millisecond, largest
    FROM (
@used@
    ) AS past
),
free AS (
    SELECT largest + 1 AS start, lead(millisecond) OVER (ORDER BY millisecond) * @ids_of_a_millisecond@ AS before
    FROM used
    UNION ALL
    SELECT 0, (SELECT min(millisecond) * @ids_of_a_millisecond@ FROM used)
),
counted AS (
    SELECT
        wanted.*,
        GREATEST(millisecond * @ids_of_a_millisecond@, used.largest + 1) AS start,
        row_number() OVER (ORDER BY millisecond, place) AS n,
        row_number() OVER (PARTITION BY millisecond ORDER BY place) = 1 AS is_first,
        count(*) OVER (PARTITION BY millisecond) AS events,
        count(*) OVER () AS lines
    FROM wanted
    LEFT JOIN used USING (millisecond)
),
placed AS (
    SELECT
        counted.*,
        -- Behind the first of a millisecond come the others of it: see below.
        CASE WHEN start + events <= (millisecond + 1) * @ids_of_a_millisecond@ OR NOT is_first THEN start ELSE
            -- More than the millisecond has room for: in the first gap of the next ones that takes all of
            -- them, and what they push.
            (
                SELECT min(GREATEST(free.start, counted.start))
                FROM free
                WHERE before IS NULL OR before > GREATEST(free.start, counted.start) + lines - n
            )
        END AS first
    FROM counted
)
SELECT
    n,
    source_id,
    old_id,
    new_id,
    @lowest@::bigint + n + max(first - n) OVER (ORDER BY n) AS id,
    created_at,
    operation,
    is_old,
    obj_pk
FROM placed
