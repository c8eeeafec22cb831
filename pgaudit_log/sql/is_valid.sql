-- pgaudit_log_is_valid(value, type_name): whether value can be read as the type.
-- Views use it on PostgreSQL 15; later servers have pg_input_is_valid(), which raises for a text that
-- a type's own code raises for, as many types of extensions do.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_is_valid(value text, type_name text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
STRICT
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
BEGIN
    IF current_setting('server_version_num')::integer >= 160000 THEN
        -- It takes a bare variable for one type, the first, for as long as the session lasts.
        RETURN pg_input_is_valid(value, type_name || '');
    END IF;
    -- The type's name is one that the views of this package have; %s, because it may
    -- be of several words.
    EXECUTE format('SELECT $1::%s', type_name) USING value;
    RETURN true;
EXCEPTION
    -- The classes of what types say of texts: regclass that there is no such table, tsquery that the
    -- syntax is wrong, PostGIS that something is wrong inside.
    WHEN data_exception
        OR integrity_constraint_violation
        OR syntax_error_or_access_rule_violation
        OR invalid_schema_name
        OR feature_not_supported
        OR program_limit_exceeded
        OR internal_error
    THEN
        RETURN false;
END;
$pgaudit_log$;
