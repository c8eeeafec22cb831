-- The functions of this package in the schema schema that have one of the names names.
SELECT
    proname,
    pg_proc.oid::regprocedure::text,
    pg_get_function_arguments(pg_proc.oid) AS arguments,
    pg_get_function_result(pg_proc.oid) AS result,
    lanname AS language,
    provolatile AS volatility,
    proisstrict AS is_strict,
    prosecdef AS is_definer,
    proparallel AS parallel,
    COALESCE(proconfig, '{}') AS settings,
    prosrc AS body,
    EXISTS (
        SELECT FROM aclexplode(COALESCE(proacl, acldefault('f', proowner)))
        WHERE grantee = 0
    ) AS is_public
FROM pg_proc
JOIN pg_language ON pg_language.oid = prolang
WHERE pronamespace = %(schema)s::regnamespace AND proname = ANY (%(names)s)
