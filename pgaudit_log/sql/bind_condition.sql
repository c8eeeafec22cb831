-- pgaudit_log_bind_condition(tracked, name, condition, path): makes a function of the condition of
-- a tracker that is written in SQL of the project's, and of the columns that it looks at.
-- What the condition calls is looked up now, along the path of the session that installs it, and
-- not again: the capture function has a path that finds PostgreSQL's own only. So an error in it
-- shows now, too. Its arguments are single values, not rows, which would keep columns from being
-- altered. It returns their types by name: {"old.status": "text"}.
--   tracked    the table
--   name       the function's name, with its schema
--   condition  an expression of "old.column" and "new.column", each one quoted name
--   columns    the names in it
--   path       the search_path of the session
-- Reads search_path.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_bind_condition(
    tracked oid,
    name text,
    condition text,
    columns text[],
    path text
)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    parameters text := '';
    types jsonb := '{}';
    listed text := '';
    argument record;
    made record;
BEGIN
    FOR argument IN
        SELECT
            given.name AS given,
            quote_ident(given.name) AS name,
            format_type(atttypid, NULL) AS type,
            CASE WHEN attcollation <> typcollation
                THEN quote_ident(nspname) || '.' || quote_ident(collname)
            END AS collation
        FROM unnest(columns) WITH ORDINALITY AS given (name, position)
        LEFT JOIN pg_attribute ON attrelid = tracked AND attnum > 0 AND attname = substr(given.name, 5)
        LEFT JOIN pg_type ON pg_type.oid = atttypid
        LEFT JOIN pg_collation ON pg_collation.oid = attcollation
        LEFT JOIN pg_namespace ON pg_namespace.oid = collnamespace
        ORDER BY given.position
    LOOP
        IF argument.type IS NULL THEN
            RAISE EXCEPTION 'pgaudit_log: % has no column for % in the condition %', tracked::regclass, argument.name, condition
            USING ERRCODE = 'undefined_column';
        END IF;
        parameters := parameters || ', ' || argument.name || ' ' || argument.type;
        listed := listed || ', ' || argument.type;
        types := types || jsonb_build_object(argument.given, argument.type);
        IF argument.collation IS NOT NULL THEN
            condition := replace(
                condition,
                argument.name,
                '(' || argument.name || ' COLLATE ' || argument.collation || ')'
            );
        END IF;
    END LOOP;

    -- Its arguments may be others than before. What a stranger has put beside it is left, if it has to be.
    FOR made IN
        SELECT pg_proc.oid::regprocedure AS signature
        FROM pg_proc
        JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE quote_ident(nspname) || '.' || quote_ident(proname) = pgaudit_log_bind_condition.name
            AND pg_has_role(proowner, 'USAGE')
    LOOP
        EXECUTE 'DROP FUNCTION ' || made.signature;
    END LOOP;

    PERFORM set_config('search_path', path, true);
    EXECUTE 'CREATE FUNCTION ' || name || '(' || substr(parameters, 3) || ')'
        || ' RETURNS boolean LANGUAGE sql RETURN (' || condition || E'\n)';
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

    SELECT pg_proc.oid AS oid, pg_proc.oid::regprocedure::text AS signature INTO made
    FROM pg_proc
    WHERE pg_proc.oid = to_regprocedure(name || '(' || substr(listed, 3) || ')');
    EXECUTE 'REVOKE ALL ON FUNCTION ' || made.signature || ' FROM PUBLIC';
    -- So that one which is replaced later can be told.
    EXECUTE format(
        'COMMENT ON FUNCTION %s IS %L',
        made.signature,
        'pgaudit_log:' || md5(pg_get_function_sqlbody(made.oid))
    );
    PERFORM @schema@.pgaudit_log_refuse_strangers('pg_proc'::regclass, made.oid, 'the condition ' || condition);
    RETURN types;
END;
$pgaudit_log$;
