-- pgaudit_log_rare_context(carried): what pgaudit_log_context() returns where its short way does not do:
-- behind a hint, with the id alone, out of a setting, under SET ROLE, long, malformed, or none at all.
--   carried   the statement that is running
-- Reads: pgaudit_log.running, pgaudit_log.context, application_name, role.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_rare_context(
    carried text,
    OUT id uuid,
    OUT value jsonb,
    OUT session jsonb
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    running text;
BEGIN
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

    -- It must neither be lost nor refuse the write, whatever it is.
    IF @schema@.pgaudit_log_is_valid(left(carried, 36), 'uuid') THEN
        id := left(carried, 36)::uuid;
        carried := substr(carried, 37);
    END IF;
    value := @schema@.pgaudit_log_parse_context(carried);
END;
$pgaudit_log$;
