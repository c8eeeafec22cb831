-- counts: how many records of each kind would be imported, as what, from when to when; and how many are
-- here already, or of a time of which this package's own events tell.
--   @found@  found.sql
-- Reads no settings but those of found.sql.
@found@
SELECT
    kind,
    operation,
    count(*) FILTER (WHERE NOT is_imported AND NOT is_compared),
    min(created_at) FILTER (WHERE NOT is_imported AND NOT is_compared) AT TIME ZONE 'UTC',
    max(created_at) FILTER (WHERE NOT is_imported AND NOT is_compared) AT TIME ZONE 'UTC',
    count(*) FILTER (WHERE is_imported),
    count(*) FILTER (WHERE is_compared AND NOT is_imported),
    min(not_before),
    max(not_before)
FROM found
GROUP BY kind, operation
ORDER BY kind, operation
