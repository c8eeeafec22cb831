-- pgaudit_log_resolved(document): a snapshot with all its values, where it refers to other events
-- for some of them; those that are gone are left out.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_resolved(document jsonb)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    field record;
    value jsonb;
BEGIN
    FOR field IN
        SELECT each.key, each.value -> 'pgaudit_log.at' AS place
        FROM jsonb_each(document) AS each
        WHERE each.value -> 'pgaudit_log.at' IS NOT NULL
    LOOP
        value := NULL;
        IF field.place ->> 'id' ~ '^-?[0-9]{1,18}$'
            AND @schema@.pgaudit_log_is_valid(field.place ->> 'created_at', 'timestamptz')
        THEN
            SELECT event.snapshot -> (field.place ->> 'key') INTO value
            FROM @schema@.pgaudit_log_event AS event
            WHERE event.id = (field.place ->> 'id')::bigint
                AND event.created_at = (field.place ->> 'created_at')::timestamptz;
        END IF;
        document := document - field.key;
        IF value IS NOT NULL THEN
            document := document || jsonb_build_object(field.key, value);
        END IF;
    END LOOP;
    RETURN document;
END;
$pgaudit_log$;
