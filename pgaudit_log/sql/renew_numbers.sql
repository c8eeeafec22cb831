-- pgaudit_log_renew_numbers(): sees to it that no transaction and no event gets a number that another
-- one has. It begins a new incarnation where this is another database than before, or its
-- transactions are behind those of the events; and brings the sequence of ids behind the largest.
--   incarnation  the number of the incarnation that has begun; null if none has
--   last_id      the id that the sequence was set to; null if it was not
-- Where all is well it changes nothing and takes no lock. Only the owner can call it.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_renew_numbers(OUT incarnation integer, OUT last_id bigint)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    found record;
    next integer;
BEGIN
    SELECT * INTO found FROM @schema@.pgaudit_log_numbers();
    IF NOT (found.is_elsewhere OR found.is_behind OR found.is_unnumbered OR found.is_repeating) THEN
        RETURN;
    END IF;

    -- Nobody writes events meanwhile, and nobody else is here.
    LOCK TABLE @schema@.pgaudit_log_event IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO found FROM @schema@.pgaudit_log_numbers();

    next := found.incarnation;
    IF found.is_elsewhere OR found.is_behind THEN
        SELECT GREATEST(COALESCE(found.incarnation, 0), (max(txid) >> 48)::integer) + 1 INTO next
        FROM @schema@.pgaudit_log_event
        WHERE id > 0
        HAVING count(*) > 0;
        -- Without events there is nothing to be told apart from.
        next := COALESCE(next, found.incarnation, 0);
        INSERT INTO @schema@.pgaudit_log_incarnation (number, database)
        VALUES (next, @schema@.pgaudit_log_database())
        ON CONFLICT (number) DO UPDATE SET database = excluded.database, started_at = excluded.started_at;
        IF next <> COALESCE(found.incarnation, 0) THEN
            incarnation := next;
        END IF;
    END IF;

    IF found.is_unnumbered OR incarnation IS NOT NULL THEN
        EXECUTE format(
            'ALTER TABLE @schema@.pgaudit_log_event ALTER COLUMN txid SET DEFAULT txid_current()%s',
            CASE WHEN next > 0 THEN format(' + %L::bigint', next::bigint << 48) END
        );
    END IF;

    IF found.is_repeating THEN
        last_id := setval(pg_get_serial_sequence('@schema@.pgaudit_log_event', 'id'), found.last_id);
    END IF;
END;
$pgaudit_log$;

REVOKE ALL ON FUNCTION @schema@.pgaudit_log_renew_numbers() FROM PUBLIC;
