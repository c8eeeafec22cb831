-- pgaudit_log_context_once(): pgaudit_log_context(), read once per statement.
-- For row-level triggers, which ask once a row: current_query() copies the whole
-- statement, 284 microseconds a row in an INSERT of 5,000 rows.
-- The memo is keyed by the time at which the statement arrived and lives as long
-- as the transaction.
-- Reads pgaudit_log.running, pgaudit_log.context; reads and writes pgaudit_log.memo.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_context_once(OUT id uuid, OUT value jsonb, OUT session jsonb)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    -- A function may change the setting while its caller's statement runs.
    arrival text := concat_ws(
        ' ',
        extract(epoch FROM statement_timestamp()),
        txid_current(),
        hashtextextended(
            concat(
                current_setting('pgaudit_log.running', true),
                current_setting('pgaudit_log.context', true)
            ),
            0
        )
    );
    memo text := current_setting('pgaudit_log.memo', true);
    claimed text;
BEGIN
    -- What was observed is never taken from the memo, which the client could have written; and
    -- what is taken keeps the same bounds as a context.
    IF split_part(memo, '|', 1) = arrival THEN
        IF current_setting('role') <> 'none' THEN
            session := jsonb_build_object('set_role', current_setting('role'));
        END IF;
        id := NULLIF(split_part(memo, '|', 2), '')::uuid;
        claimed := substr(memo, length(arrival) + length(split_part(memo, '|', 2)) + 3);
        IF octet_length(claimed) <= 1000 THEN
            value := claimed::jsonb;
            IF octet_length(value::text) <= 1000 AND jsonb_typeof(value) = 'object' THEN
                RETURN;
            END IF;
        END IF;
        -- As PostgreSQL writes it, a context is longer than it was sent.
        value := @schema@.pgaudit_log_parse_context(claimed, 4194304);
    ELSE
        SELECT context.id, context.value, context.session
        INTO id, value, session
        FROM @schema@.pgaudit_log_context() AS context;
        -- Without a claim there is nothing to remember: to look again costs less.
        IF value IS NOT NULL THEN
            PERFORM set_config('pgaudit_log.memo', concat(arrival, '|', id, '|', value), true);
        END IF;
    END IF;
END;
$pgaudit_log$;
