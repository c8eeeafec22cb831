-- transaction_end: the outermost event of a run of a transaction's events, on one side of an event of it.
--   @txid@    the transaction
--   @inside@  the id next to that of an event of it, so that this is the next of them
--   @time@    when the transaction began
--   @window@  how many events of others may stand between two events of a run
--   @beyond@  < for the side of older events, > for that of newer ones
--   @order@   DESC or ASC: from @inside@ away
--   @away@    - or +
-- It goes ever larger steps until none of the next few events is of the transaction, and
-- then halves what lies between, so that it reads some of them and not all.
-- Reads no settings.
WITH RECURSIVE search (inside, outside, step) AS (
    SELECT @inside@::bigint, NULL::bigint, 512::bigint
    UNION ALL
    SELECT
        CASE WHEN probe.is_of_it THEN tried.id ELSE search.inside END,
        CASE WHEN probe.is_of_it THEN search.outside ELSE tried.id END,
        search.step * 2
    FROM search
    CROSS JOIN LATERAL (
        SELECT
            CASE
                WHEN search.outside IS NULL THEN search.inside @away@ search.step
                ELSE (search.inside + search.outside) / 2
            END AS id
    ) AS tried
    CROSS JOIN LATERAL (
        SELECT
            coalesce(bool_or(next.txid = @txid@), false) AS is_of_it
        FROM (
            SELECT event.txid
            FROM pgaudit_log_event AS event
            WHERE event.id @beyond@ tried.id
                -- The events of about the same time: it leaves the other partitions out.
                AND event.created_at >= @time@::timestamptz - interval '1 day'
                AND event.created_at <= @time@::timestamptz + interval '1 day'
            ORDER BY event.id @order@
            LIMIT @window@
        ) AS next
    ) AS probe
    WHERE search.outside IS NULL OR abs(search.inside - search.outside) > 1
)
SELECT outside
FROM search
WHERE outside IS NOT NULL
ORDER BY abs(inside - outside)
LIMIT 1
