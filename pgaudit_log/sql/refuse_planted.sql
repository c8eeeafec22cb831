-- Raises if something that is called as ours is in the schema before the event table is made, and
-- belongs to a stranger: a role that is no superuser, and not one that the role that migrates is or may
-- act as. What is there stays as it is when the SQL is run, and a function that is replaced keeps its
-- owner: he could put something else in its place later, which would run with every write, as the owner
-- of the capture functions.
DO $pgaudit_log$
DECLARE
    stranger record;
BEGIN
    SELECT pg_catalog.pg_describe_object(planted.catalog, planted.id, 0) AS name, rolname AS owner
    INTO stranger
    FROM (
        SELECT tableoid AS catalog, oid AS id, relowner AS owner, relname AS name, relnamespace AS home
        FROM pg_catalog.pg_class
        UNION ALL
        SELECT tableoid, oid, proowner, proname, pronamespace
        FROM pg_catalog.pg_proc
        UNION ALL
        SELECT tableoid, oid, typowner, typname, typnamespace
        FROM pg_catalog.pg_type
    ) AS planted
    JOIN pg_catalog.pg_roles ON pg_roles.oid OPERATOR(pg_catalog.=) planted.owner
    WHERE planted.home OPERATOR(pg_catalog.=) '@schema@'::pg_catalog.regnamespace
        AND pg_catalog.starts_with(planted.name::pg_catalog.text, 'pgaudit_log_'::pg_catalog.text)
        AND NOT rolsuper
        AND rolname OPERATOR(pg_catalog.<>) current_user
        -- A superuser may act as anybody.
        AND (
            pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on'::pg_catalog.text
            OR NOT pg_catalog.pg_has_role(planted.owner, 'MEMBER'::pg_catalog.text)
        )
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'pgaudit_log: there is a % already, which belongs to the role %', stranger.name, stranger.owner
        USING ERRCODE = 'restrict_violation',
              HINT = 'Drop it, or give it to the role that migrates if it is meant.';
    END IF;
END;
$pgaudit_log$;
