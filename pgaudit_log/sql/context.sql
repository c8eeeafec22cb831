-- pgaudit_log_context(): who and why, for the statement that is running.
--
-- 1. The comment that the statement starts with: /*pgaudit_log:<uuid><json>*/.
--    Only a leading comment counts, so that text which a visitor typed never
--    becomes a context.
-- 2. Else the setting pgaudit_log.context, for psql and other programs:
--    SET pgaudit_log.context = '{"user": "ana"}', with or without a leading uuid.
-- Without either, id and value are null. What PostgreSQL observed stands apart from what the
-- client claims: role is the role that had logged in; session has the role of SET ROLE and,
-- where nothing is claimed, the application and the address: {"set_role", "application", "address"}.
--
-- current_query() copies the whole statement: call this once per statement.
-- PL/pgSQL prepares each expression anew in each transaction, so what is rarely needed
-- stands where it is rarely reached.
-- Reads: pgaudit_log.context, application_name, role.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_context(OUT id uuid, OUT value jsonb, OUT role text, OUT session jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    carried text := current_query();
BEGIN
    role := session_user;
    IF current_setting('role') <> 'none' THEN
        session := jsonb_build_object('set_role', current_setting('role'));
    END IF;

    IF starts_with(carried, '/*pgaudit_log:') THEN
        carried := substr(split_part(carried, '*/', 1), 15);
    ELSE
        carried := current_setting('pgaudit_log.context', true);
        -- A setting that was local to an ended transaction reads as '', not NULL.
        IF carried IS NULL OR carried = '' THEN
            session := NULLIF(COALESCE(session, '{}') || jsonb_strip_nulls(jsonb_build_object(
                'application', NULLIF(current_setting('application_name'), ''),
                'address', host(inet_client_addr())
            )), '{}');
            RETURN;
        END IF;
    END IF;

    -- This block starts a subtransaction, but it writes nothing and so takes no
    -- transaction id.
    BEGIN
        IF left(carried, 1) = '{' THEN
            value := carried::jsonb;
        ELSE
            id := left(carried, 36)::uuid;
            value := substr(carried, 37)::jsonb;
        END IF;
    EXCEPTION
        WHEN OTHERS THEN
            -- Not as Python writes it. It must neither be lost nor refuse the write.
            id := NULL;
            IF left(carried, 36) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
                id := left(carried, 36)::uuid;
                carried := substr(carried, 37);
            END IF;
            value := @schema@.pgaudit_log_parse_jsonb(carried);
    END;

    -- What is too long for the index on the user would refuse the write.
    IF octet_length(carried) > 600 THEN
        IF length(value ->> 'user') > 600 THEN
            value := jsonb_set(value, '{user}', to_jsonb(left(value ->> 'user', 600)));
        END IF;
    END IF;
END;
$pgaudit_log$;
