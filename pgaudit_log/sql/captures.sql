-- The triggers names on the tables tables, one by one: how each is installed, and the function
-- that it calls.
--   number          which of the names it is, from 1
--   state           tgenabled
--   hash            its comment
--   type            tgtype
--   transition      the names of its transition tables
--   is_plain        whether it has no arguments, no columns, and is no constraint
--   has_condition   whether it has a WHEN
--   is_beside       whether its function is in the schema of this session, or of the event table
--   audit           the schema of the event table that its function writes to, as the function says
--   home            the schema of its function
--   condition       the function of its condition, if it has one; one that a stranger has put beside it
--                   is none
-- and of the function what it is made of.
SELECT
    wanted.number,
    tgenabled AS state,
    obj_description(pg_trigger.oid, 'pg_trigger') AS hash,
    tgtype AS type,
    pg_catalog.concat_ws(' ', tgoldtable::text, tgnewtable::text) AS transition,
    tgnargs = 0 AND tgattr = ''::int2vector AND tgconstraint = 0 AS is_plain,
    tgqual IS NOT NULL AS has_condition,
    nspname = current_schema()
        OR pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('pgaudit_log_event'))
        AS is_beside,
    substring(prosrc FROM 'INSERT INTO ([^\n]+?)\.pgaudit_log_event \(') AS audit,
    pg_catalog.quote_ident(nspname::text) AS home,
    prosrc AS body,
    prosecdef AS is_definer,
    COALESCE(proconfig, '{}') AS settings,
    lanname AS language,
    EXISTS (
        SELECT FROM aclexplode(COALESCE(proacl, acldefault('f', proowner)))
        WHERE grantee = 0
    ) AS is_public,
    (
        SELECT condition.oid
        FROM pg_proc AS condition
        JOIN pg_roles AS owner ON owner.oid = condition.proowner
        WHERE condition.pronamespace = pg_proc.pronamespace AND condition.proname = wanted.condition
            AND (owner.rolsuper OR pg_catalog.pg_has_role(owner.oid, pg_proc.proowner, 'MEMBER'))
        ORDER BY condition.oid DESC
        LIMIT 1
    ) AS condition
FROM unnest(%(tables)s::text[], %(names)s::text[], %(conditions)s::text[])
    WITH ORDINALITY AS wanted (relation, name, condition, number)
JOIN pg_trigger ON tgrelid = to_regclass(wanted.relation) AND tgname = wanted.name
JOIN pg_proc ON pg_proc.oid = tgfoid
JOIN pg_namespace ON pg_namespace.oid = pronamespace
JOIN pg_language ON pg_language.oid = prolang
ORDER BY 1
