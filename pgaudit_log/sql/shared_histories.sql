-- The tables with one of the triggers `names` that write into an event table into which another table
-- of the same name, but of another schema, writes, too: whichever schemas the session sees.
--   events   the event table, as the capture functions name it
--   relation the table
WITH captured AS (
    SELECT DISTINCT
        substring(prosrc FROM 'INSERT INTO ([^\n]+?\.pgaudit_log_event) \(') AS events,
        tgname,
        tgrelid,
        quote_ident(nspname) || '.' || quote_ident(relname) AS relation
    FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = tgfoid
    JOIN pg_class ON pg_class.oid = tgrelid
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE tgname = ANY (%(names)s) AND tgparentid = 0
)
SELECT DISTINCT events, relation
FROM captured
WHERE events IS NOT NULL
    AND EXISTS (
        SELECT FROM captured AS other
        WHERE other.events = captured.events
            AND other.tgname = captured.tgname
            AND other.tgrelid <> captured.tgrelid
    )
ORDER BY 1, 2
