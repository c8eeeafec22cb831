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
-- client claims: role is the role that had logged in; session has the role of SET ROLE and,
-- where nothing is claimed, the application and the address: {"set_role", "application", "address"}.
--
-- current_query() copies the whole statement: call this once per statement.
-- PL/pgSQL prepares each expression anew in each transaction, so what is rarely needed
-- stands where it is rarely reached.
-- Reads: pgaudit_log.running, pgaudit_log.context, application_name, role.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_context(OUT id uuid, OUT value jsonb, OUT role text, OUT session jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    carried text := current_query();
    running text;
BEGIN
    role := session_user;
    IF current_setting('role') <> 'none' THEN
        session := jsonb_build_object('set_role', current_setting('role'));
    END IF;

    IF starts_with(carried, '/*+') THEN
        carried := substr(carried, strpos(carried, '*/') + 2);
    END IF;
    IF starts_with(carried, '/*pgaudit_log:') THEN
        carried := substr(split_part(carried, '*/', 1), 15);
        IF length(carried) = 36 THEN
            running := current_setting('pgaudit_log.running', true);
            IF starts_with(running, carried) THEN
                carried := running;
            ELSE
                carried := carried || '{}';
            END IF;
        END IF;
    ELSE
        -- A setting that was local to an ended transaction reads as '', not NULL.
        carried := COALESCE(
            NULLIF(current_setting('pgaudit_log.running', true), ''),
            current_setting('pgaudit_log.context', true)
        );
        IF carried IS NULL OR carried = '' THEN
            session := NULLIF(COALESCE(session, '{}') || jsonb_strip_nulls(jsonb_build_object(
                'application', NULLIF(current_setting('application_name'), ''),
                'address', host(inet_client_addr())
            )), '{}');
            RETURN;
        END IF;
    END IF;

    -- Most contexts are short. What is short as it is written, too, has nothing that could not
    -- be read: it is neither deep nor are its numbers large.
    -- This block starts a subtransaction, but it writes nothing and so takes no
    -- transaction id.
    BEGIN
        IF left(carried, 1) <> '{' THEN
            id := left(carried, 36)::uuid;
            carried := substr(carried, 37);
        END IF;
        IF octet_length(carried) <= 600 THEN
            value := carried::jsonb;
            IF octet_length(value::text) <= 1000 AND jsonb_typeof(value) = 'object' THEN
                RETURN;
            END IF;
        END IF;
    EXCEPTION
        WHEN OTHERS THEN
            -- Not as Python writes it. It must neither be lost nor refuse the write.
            NULL;
    END;
    value := @schema@.pgaudit_log_parse_context(carried);
END;
$pgaudit_log$;
