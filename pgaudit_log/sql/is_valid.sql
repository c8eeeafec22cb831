-- pgaudit_log_is_valid(value, type_name): whether value can be read as the type.
-- Views use it on PostgreSQL 15; later servers have pg_input_is_valid().
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_is_valid(value text, type_name text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
STRICT
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
BEGIN
    -- The type's name is one that the views of this package have; %s, because it may
    -- be of several words.
    EXECUTE format('SELECT $1::%s', type_name) USING value;
    RETURN true;
EXCEPTION
    WHEN data_exception OR integrity_constraint_violation THEN
        RETURN false;
END;
$pgaudit_log$;
