-- pgaudit_log_parse_context(carried, longest): the JSON of a context, such that whatever reads
-- it later can, and that no index refuses it. What is too long, too deep, no JSON, or no object
-- is kept as {"malformed": "..."}, its first 1,000 characters: what another program put into
-- the context must neither be lost nor refuse the write that it came with.
--
-- The bounds, which contexts out of Python keep by themselves:
--   longest, 64 KiB, as it is sent, 4 MiB as PostgreSQL writes it;
--   500 levels;
--   numbers of at most 1,000 digits in a row as PostgreSQL writes them, which is without an
--   exponent: 1e4400 is a few bytes here, and an integer that Python refuses to read.
-- Of the keys that are indexed, 600 characters are kept.
--
-- pgaudit_log_context() asks this only for what is long, or becomes so when it is written.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_parse_context(carried text, longest integer DEFAULT 65536)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    malformed constant jsonb := jsonb_build_object('malformed', left(carried, 1000));
    strings constant text := '"([^"\\]|\\.)*"';
    value jsonb;
    written text;
    key text;
BEGIN
    IF octet_length(carried) > longest THEN
        RETURN malformed;
    END IF;
    -- An exponent of four digits would be written as thousands. The first test is for speed:
    -- what it finds may stand in a string.
    IF carried ~ '[eE][-+]?[0-9]{4}' THEN
        IF regexp_replace(carried, strings, '', 'g') ~ '[eE][-+]?0*[1-9][0-9]{3}' THEN
            RETURN malformed;
        END IF;
    END IF;

    -- This block starts a subtransaction, but it writes nothing and so takes no
    -- transaction id.
    BEGIN
        value := carried::jsonb;
        IF jsonb_typeof(value) <> 'object' THEN
            RETURN malformed;
        END IF;
        IF octet_length(carried) - octet_length(replace(replace(carried, '[', ''), '{', '')) > 500 THEN
            IF jsonb_path_exists(value, '$.**{501}') THEN
                RETURN malformed;
            END IF;
        END IF;
        written := value::text;
        IF octet_length(written) > 4194304 THEN
            RETURN malformed;
        END IF;
        IF written ~ '[0-9]{250}' THEN
            written := regexp_replace(regexp_replace(written, strings, '', 'g'), '[1-9]', '0', 'g');
            IF strpos(written, repeat('0', 1001)) > 0 THEN
                RETURN malformed;
            END IF;
        END IF;
    EXCEPTION
        WHEN OTHERS THEN
            RETURN malformed;
    END;

    FOREACH key IN ARRAY ARRAY['user', 'on_behalf_of'] LOOP
        IF length(value ->> key) > 600 THEN
            value := jsonb_set(value, ARRAY[key], to_jsonb(left(value ->> key, 600)));
        END IF;
    END LOOP;
    RETURN value;
END;
$pgaudit_log$;
