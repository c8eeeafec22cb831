-- pgaudit_log_context(): who and why, for the statement that is running.
--
-- 1. The comment that the statement starts with: /*pgaudit_log:<uuid><json>*/. A hint of
--    pg_hint_plan, /*+ ... */, may stand directly in front of it. Only a leading comment
--    counts, so that text which a visitor typed never becomes a context.
-- 2. The setting pgaudit_log.running, which the cursor class sets for a transaction where the
--    text of statements has to stay the same. A comment may have the id alone; the rest is
--    there then.
-- 3. The setting pgaudit_log.context, for psql and other programs:
--    SET pgaudit_log.context = '{"user": "ana"}', with or without a leading uuid.
-- Without any, id and value are null. What PostgreSQL observed stands apart from what the
-- client claims: session has the role of SET ROLE and, where nothing is claimed, the application
-- and the address: {"set_role", "application", "address"}. The role that had logged in is in every
-- event; whoever writes one asks for session_user.
--
-- current_query() copies the whole statement: call this once per statement.
-- Reads: pgaudit_log.running, pgaudit_log.context, application_name, role.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_context(OUT id uuid, OUT value jsonb, OUT session jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    carried text := current_query();
BEGIN
    -- Nearly all contexts: short, from a cursor, of the role that had logged in. PL/pgSQL prepares
    -- each expression anew in each transaction, a microsecond each, so there are few on this path.
    IF starts_with(carried, '/*pgaudit_log:') THEN
        -- This block starts a subtransaction, but it writes nothing and so takes no
        -- transaction id.
        BEGIN
            carried := substr(split_part(carried, '*/', 1), 15);
            id := left(carried, 36)::uuid;
            value := substr(carried, 37)::jsonb;
            -- What is short as it is written, too, has nothing that could not be read: it is
            -- neither deep nor are its numbers large.
            IF octet_length(carried) <= 636 AND octet_length(value::text) <= 1000
                AND jsonb_typeof(value) = 'object' AND current_setting('role') = 'none'
            THEN
                RETURN;
            END IF;
        EXCEPTION
            WHEN OTHERS THEN
                -- Not as Python writes it; see below.
                NULL;
        END;
    END IF;
    SELECT rare.id, rare.value, rare.session INTO id, value, session
    FROM @schema@.pgaudit_log_rare_context(current_query()) AS rare;
END;
$pgaudit_log$;
