-- pgaudit_log_renamed(document, names): a snapshot with its keys as the columns are called today.
-- names has those keys that are others now; what has today's name already stays.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_renamed(document jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
    SELECT COALESCE(jsonb_object_agg(names ->> key, value) FILTER (WHERE names ? key), '{}')
        || COALESCE(jsonb_object_agg(key, value) FILTER (WHERE NOT names ? key), '{}')
    FROM jsonb_each(document)
$pgaudit_log$;
