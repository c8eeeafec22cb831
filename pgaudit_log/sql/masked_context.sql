-- pgaudit_log_masked_context(value, paths): a context without what a tracked model masks of it: in
-- the place of each value at one of the paths, ip or url.token, stands a mark. What could not be read as a
-- context, of which no key is known, is hidden whole.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_masked_context(value jsonb, paths text[])
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    mark CONSTANT jsonb := '{"pgaudit_log.masked": true}';
    path text;
    keys text[];
    depth integer;
BEGIN
    FOREACH path IN ARRAY paths || 'malformed'::text LOOP
        keys := string_to_array(path, '.');
        depth := array_length(keys, 1);
        -- In what is no object, the key of one would be an error.
        IF jsonb_typeof(value #> keys[:depth - 1]) = 'object' THEN
            value := jsonb_set(value, keys, mark, false);
        END IF;
    END LOOP;
    RETURN value;
END;
$pgaudit_log$;
