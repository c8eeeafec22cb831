-- placed: a part of lines.sql and insert_gaps.sql: what is wanted, each with the id that it gets: of its
-- millisecond, in the order of its place there, behind what is in use.
-- Follows a query wanted, which has millisecond and place.
--   @used@     the ids below 0 that are in use, the largest of each millisecond: used_ids.sql
--   @lowest@, @ids_of_a_millisecond@  see values/past_ids.py
-- Reads no settings.
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
starting AS (
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
),
placed AS (
    SELECT *, @lowest@::bigint + n + max(first - n) OVER (ORDER BY n) AS id
    FROM starting
)
