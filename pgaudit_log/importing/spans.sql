-- spans: how the lines lie in the periods of partitions: those of each period that their ids tell, by the
-- period of their time, which is an earlier one where clocks disagreed.
--   @lines@    the lines: see lines.sql
--   @ids@      the first id of each period; @starts@ its start
-- Reads no settings.
SELECT
    width_bucket(id, @ids@::bigint[]) AS place,
    width_bucket(created_at, @starts@::timestamptz[]) AS created_in,
    min(n), max(n)
FROM @lines@
GROUP BY 1, 2
ORDER BY 1, 2
