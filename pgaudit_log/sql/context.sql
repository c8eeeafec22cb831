-- pgaudit_log_context(): who and why, for the statement that is running.
--
-- 1. The comment that the statement starts with: /*pgaudit_log:<uuid><json>*/.
--    Only a leading comment counts, so that text which a visitor typed never
--    becomes a context. psycopg may have quoted it as '...' or  E'...'.
-- 2. Else the setting pgaudit_log.context, for psql and other programs:
--    SET pgaudit_log.context = '{"user": "ana"}', with or without a leading uuid.
-- 3. Else the database session itself: {"session": {"role", "application", "address"}}.
--
-- current_query() copies the whole statement: call this once per statement.
-- Reads: pgaudit_log.context, application_name, role. The capture functions that call
-- it pin search_path; pinning it here too would cost a microsecond a statement.
CREATE OR REPLACE FUNCTION pgaudit_log_context(OUT id uuid, OUT value jsonb)
LANGUAGE plpgsql
STABLE
AS $pgaudit_log$
DECLARE
    -- Longer than the longest context in its longest quoting (64 KiB, doubled).
    carried text := left(current_query(), 140000);
BEGIN
    IF left(carried, 14) = '/*pgaudit_log:' THEN
        carried := substr(carried, 15, position('*/' IN carried) - 15);
        IF left(carried, 1) = '''' THEN
            carried := replace(substr(carried, 2, length(carried) - 2), '''''', '''');
        ELSIF left(carried, 3) = ' E''' THEN
            carried := replace(replace(substr(carried, 4, length(carried) - 4), '''''', ''''), '\\', '\');
        END IF;
    ELSE
        carried := current_setting('pgaudit_log.context', true);
    END IF;

    -- A setting that was local to an ended transaction reads as '', not NULL.
    IF carried <> '' THEN
        IF left(carried, 36) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
            id := left(carried, 36)::uuid;
            carried := substr(carried, 37);
        END IF;
        value := pgaudit_log_parse_jsonb(carried);
        -- What is too long for the index on the user would refuse the write.
        IF length(value ->> 'user') > 600 THEN
            value := jsonb_set(value, '{user}', to_jsonb(left(value ->> 'user', 600)));
        END IF;
    ELSE
        value := jsonb_build_object('session', jsonb_strip_nulls(jsonb_build_object(
            'role', session_user,
            'set_role', NULLIF(current_setting('role'), 'none'),
            'application', NULLIF(current_setting('application_name'), ''),
            'address', host(inet_client_addr())
        )));
    END IF;
END;
$pgaudit_log$;
