-- What a hardened database has to own and to grant: tables, partitions, views, sequences, functions, types,
-- collations, schemas and the database. Each with its kind, its part, its name, its owner, whether a truncation is captured, and what
-- has been granted on it, by role; PUBLIC is ''.
--   events, schema     the event table, by its oid, and its schema
--   own                the other tables of this package
--   functions, arguments   its functions
--   views              the views of typed events
--   models             the tables of the project's models
--   others             the tables of the project that no model has, such as django_migrations
--   into               what the INSERT of a capture function begins with
-- It is run with the path of PostgreSQL's own names, so that nobody can have put a function in the way.
WITH own AS (
    SELECT %(events)s::oid AS oid, 'events' AS part
    UNION
    SELECT relid, 'events' FROM pg_partition_tree(%(events)s::oid::regclass)
    UNION
    SELECT relation, 'own' FROM unnest(%(own)s::oid[]) AS relation
    UNION
    SELECT relation, 'view' FROM unnest(%(views)s::oid[]) AS relation
    UNION
    SELECT relation, 'model' FROM unnest(%(models)s::oid[]) AS relation
    UNION
    SELECT relid, 'model'
    FROM unnest(%(models)s::oid[]) AS relation
    CROSS JOIN pg_partition_tree(relation::regclass)
    UNION
    SELECT relation, 'other' FROM unnest(%(others)s::oid[]) AS relation
),
relation AS (
    SELECT pg_class.oid, own.part, relname AS name, relnamespace AS schema, relowner AS owner, relacl AS acl, relkind
    FROM own
    JOIN pg_class ON pg_class.oid = own.oid
),
-- Those of serial and identity columns, which have the owner of their tables.
sequence AS (
    SELECT DISTINCT pg_class.oid, relation.part, relname AS name, relnamespace AS schema, relowner AS owner, relacl AS acl
    FROM relation
    JOIN pg_depend ON refclassid = 'pg_class'::regclass AND refobjid = relation.oid
        AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i')
    JOIN pg_class ON pg_class.oid = objid AND pg_class.relkind = 'S'
),
called AS (
    SELECT DISTINCT
        tgfoid AS oid,
        strpos(prosrc, %(into)s) > 0 AND pg_catalog.starts_with(proname::text, 'pgtrigger_') AS is_capture,
        prosrc
    FROM relation
    JOIN pg_trigger ON tgrelid = relation.oid AND NOT tgisinternal
    JOIN pg_proc ON pg_proc.oid = tgfoid
),
condition AS (
    SELECT DISTINCT pg_proc.oid
    FROM pg_proc
    JOIN pg_namespace ON pg_namespace.oid = pronamespace
    JOIN called ON is_capture AND strpos(called.prosrc, quote_ident(nspname) || '.' || proname || '(') > 0
    WHERE pg_catalog.starts_with(proname::text, 'pgaudit_log_when_')
),
function AS (
    SELECT pg_proc.oid, 'own' AS part
    FROM unnest(%(functions)s::text[], %(arguments)s::text[]) AS written (name, arguments)
    JOIN pg_proc ON proname = written.name AND pg_get_function_arguments(pg_proc.oid) = written.arguments
        AND pronamespace = %(schema)s::regnamespace
    UNION
    SELECT oid, 'capture' FROM called WHERE is_capture
    UNION
    SELECT oid, 'capture' FROM condition
    UNION
    -- What conditions, triggers and views call runs as who writes or reads, or as the owner.
    SELECT oid, 'called' FROM called WHERE NOT is_capture
    UNION
    SELECT refobjid, 'called'
    FROM pg_depend
    WHERE refclassid = 'pg_proc'::regclass
        AND (
            classid = 'pg_proc'::regclass AND objid IN (SELECT oid FROM condition)
            OR classid = 'pg_trigger'::regclass AND objid IN (
                SELECT pg_trigger.oid FROM pg_trigger JOIN relation ON tgrelid = relation.oid
            )
            OR classid = 'pg_rewrite'::regclass AND objid IN (
                SELECT pg_rewrite.oid FROM pg_rewrite JOIN relation ON ev_class = relation.oid
            )
        )
),
attribute AS (
    SELECT COALESCE(NULLIF(typelem, 0), atttypid) AS typed, attcollation AS collated
    FROM relation
    JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
    JOIN pg_type ON pg_type.oid = atttypid
    WHERE relation.part = 'model'
),
thing AS (
    SELECT
        'pg_class'::regclass::oid AS catalog,
        relation.oid,
        CASE WHEN relkind = 'v' THEN 'view' ELSE 'table' END AS kind,
        part,
        quote_ident(nspname) || '.' || quote_ident(name) AS name,
        owner,
        COALESCE(acl, acldefault('r', owner)) AS acl
    FROM relation
    JOIN pg_namespace ON pg_namespace.oid = relation.schema
    UNION ALL
    SELECT
        'pg_class'::regclass,
        sequence.oid,
        'sequence',
        part,
        quote_ident(nspname) || '.' || quote_ident(name),
        owner,
        COALESCE(acl, acldefault('s', owner))
    FROM sequence
    JOIN pg_namespace ON pg_namespace.oid = sequence.schema
    UNION ALL
    SELECT
        'pg_proc'::regclass,
        pg_proc.oid,
        'function',
        -- Of one that is called in two ways, the stricter.
        max(part),
        quote_ident(nspname) || '.' || quote_ident(proname)
            || '(' || pg_get_function_identity_arguments(pg_proc.oid) || ')',
        proowner,
        COALESCE(proacl, acldefault('f', proowner))
    FROM function
    JOIN pg_proc ON pg_proc.oid = function.oid
    JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname <> 'pg_catalog'
    GROUP BY pg_proc.oid, nspname
    UNION ALL
    -- Of what a view or a condition looks at, all belongs to the owner, too.
    SELECT
        'pg_type'::regclass,
        pg_type.oid,
        CASE typtype WHEN 'd' THEN 'domain' ELSE 'type' END,
        'called',
        quote_ident(nspname) || '.' || quote_ident(typname),
        typowner,
        NULL::aclitem[]
    FROM pg_type
    JOIN pg_namespace ON pg_namespace.oid = typnamespace
    WHERE pg_type.oid IN (SELECT typed FROM attribute) AND nspname <> 'pg_catalog'
    UNION ALL
    SELECT
        'pg_collation'::regclass,
        pg_collation.oid,
        'collation',
        'called',
        quote_ident(nspname) || '.' || quote_ident(collname),
        collowner,
        NULL::aclitem[]
    FROM pg_collation
    JOIN pg_namespace ON pg_namespace.oid = collnamespace
    WHERE pg_collation.oid IN (SELECT collated FROM attribute) AND nspname <> 'pg_catalog'
    UNION ALL
    SELECT
        'pg_namespace'::regclass,
        pg_namespace.oid,
        'schema',
        'place',
        quote_ident(nspname),
        nspowner,
        COALESCE(nspacl, acldefault('n', nspowner))
    FROM pg_namespace
    WHERE pg_namespace.oid IN (SELECT schema FROM relation)
    UNION ALL
    SELECT
        'pg_database'::regclass,
        pg_database.oid,
        'database',
        'place',
        quote_ident(datname),
        datdba,
        COALESCE(datacl, acldefault('d', datdba))
    FROM pg_database
    WHERE datname = current_database()
),
granted AS (
    SELECT catalog, thing.oid, acl.grantee, acl.privilege_type
    FROM thing
    CROSS JOIN aclexplode(acl) AS acl
    WHERE acl.grantee <> owner
    UNION
    SELECT catalog, thing.oid, acl.grantee, 'column ' || acl.privilege_type
    FROM thing
    JOIN pg_attribute ON attrelid = thing.oid AND catalog = 'pg_class'::regclass
    CROSS JOIN aclexplode(attacl) AS acl
    WHERE acl.grantee <> owner
)
SELECT
    kind,
    part,
    thing.name,
    pg_get_userbyid(owner)::text,
    EXISTS (
        SELECT FROM pg_trigger
        JOIN called ON called.oid = tgfoid AND is_capture
        WHERE catalog = 'pg_class'::regclass AND tgrelid = thing.oid
    ) AS is_tracked,
    EXISTS (
        SELECT FROM pg_trigger
        JOIN called ON called.oid = tgfoid AND is_capture
        -- TRUNCATE, and not disabled.
        WHERE catalog = 'pg_class'::regclass AND tgrelid = thing.oid AND tgtype & 32 <> 0 AND tgenabled <> 'D'
    ),
    COALESCE(
        (
            SELECT jsonb_object_agg(role, privileges)::text
            FROM (
                SELECT COALESCE(rolname::text, '') AS role, jsonb_agg(privilege_type) AS privileges
                FROM granted
                LEFT JOIN pg_roles ON pg_roles.oid = grantee
                WHERE granted.catalog = thing.catalog AND granted.oid = thing.oid
                GROUP BY 1
            ) AS by_role
        ),
        '{}'
    )
FROM thing
ORDER BY
    array_position(
        ARRAY['database', 'schema', 'table', 'view', 'sequence', 'function', 'type', 'domain', 'collation'], kind
    ),
    part,
    thing.name
