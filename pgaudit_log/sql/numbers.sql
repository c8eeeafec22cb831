-- pgaudit_log_numbers(): whether the numbers that the server counts still tell all events apart.
--   incarnation    the number of the newest incarnation; null if none is known
--   is_elsewhere   whether this is another database than that incarnation's
--   is_behind      whether events have numbers of transactions that are yet to come
--   is_unnumbered  whether the default of txid is not that of the incarnation
--   last_id        the largest id that was given here; null if none was
--   is_repeating   whether the sequence is behind it, so that ids would be given twice
-- It writes nothing. Events with ids below 0 are of other places and do not count.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_numbers(
    OUT incarnation integer,
    OUT is_elsewhere boolean,
    OUT is_behind boolean,
    OUT is_unnumbered boolean,
    OUT last_id bigint,
    OUT is_repeating boolean
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- The index on txid says within a millisecond that there are none such.
SET enable_seqscan = off
AS $pgaudit_log$
#variable_conflict use_column
DECLARE
    home text;
    newest bigint := GREATEST(
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1,
        txid_current_if_assigned()
    );
    numbered text;
BEGIN
    SELECT number, database INTO incarnation, home
    FROM @schema@.pgaudit_log_incarnation
    ORDER BY number DESC
    LIMIT 1;
    is_elsewhere := home IS DISTINCT FROM @schema@.pgaudit_log_database();
    newest := newest + (COALESCE(incarnation, 0)::bigint << 48);
    is_behind := EXISTS (
        SELECT FROM @schema@.pgaudit_log_event WHERE txid > newest AND id > 0
    );

    SELECT pg_get_expr(adbin, adrelid) INTO numbered
    FROM pg_attribute
    JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = '@schema@.pgaudit_log_event'::regclass AND attname = 'txid';
    is_unnumbered := numbered IS DISTINCT FROM CASE
        WHEN incarnation > 0
        THEN format('(txid_current() + %L::bigint)', incarnation::bigint << 48)
        ELSE 'txid_current()'
    END;

    SELECT max(id) INTO last_id FROM @schema@.pgaudit_log_event WHERE id > 0;
    is_repeating := last_id > COALESCE(
        pg_sequence_last_value(pg_get_serial_sequence('@schema@.pgaudit_log_event', 'id')),
        0
    );
    is_repeating := COALESCE(is_repeating, false);
END;
$pgaudit_log$;
