-- pgaudit_log_is_value(value, type): whether value can be read as the type, which may be one of an
-- extension or of the project: a domain, an enum, a composite type.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_is_value(value text, type regtype)
RETURNS boolean
LANGUAGE sql
STABLE
STRICT
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
    -- Along this path its name has its schema.
    SELECT @schema@.pgaudit_log_is_valid(value, format_type(type, NULL));
$pgaudit_log$;
