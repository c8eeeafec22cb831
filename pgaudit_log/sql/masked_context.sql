-- pgaudit_log_without(value, keys): a value without what is at the keys in it: in objects, in those that
-- a list has, and the parameter of an address. It is the same rule as in Python, except that of a
-- list in a list nothing stays: it may be as deep as a client likes.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_without(value jsonb, keys text[])
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    mark CONSTANT jsonb := '{"pgaudit_log.masked": true}';
BEGIN
    IF jsonb_typeof(value) = 'object' AND value ? keys[1] THEN
        RETURN jsonb_set(value, keys[:1], CASE
            WHEN cardinality(keys) = 1 THEN mark
            ELSE @schema@.pgaudit_log_without(value -> keys[1], keys[2:])
        END);
    ELSIF jsonb_typeof(value) = 'string' AND cardinality(keys) = 1 THEN
        RETURN to_jsonb(regexp_replace(
            value #>> '{}',
            '([?&;]' || regexp_replace(keys[1], E'([][\\\\.^$*+?(){}|])', E'\\\\\\1', 'g')
                || '=)[^&;#[:space:]]*',
            E'\\1hidden',
            'g'
        ));
    ELSIF jsonb_typeof(value) = 'array' THEN
        RETURN (
            SELECT COALESCE(
                jsonb_agg(
                    CASE jsonb_typeof(item.value)
                        WHEN 'array' THEN mark
                        ELSE @schema@.pgaudit_log_without(item.value, keys)
                    END
                    ORDER BY item.position
                ),
                pgaudit_log_without.value
            )
            FROM jsonb_array_elements(pgaudit_log_without.value) WITH ORDINALITY AS item (value, position)
        );
    END IF;
    RETURN value;
END;
$pgaudit_log$;

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
    path text;
BEGIN
    FOREACH path IN ARRAY paths || 'malformed'::text LOOP
        value := @schema@.pgaudit_log_without(value, string_to_array(path, '.'));
    END LOOP;
    RETURN value;
END;
$pgaudit_log$;
