-- Who was granted, by the owner or through PUBLIC, more than to read tables of this package, their
-- partitions and sequences, or columns of them: role, relation, privileges.
WITH ours AS (
    SELECT to_regclass(named) AS relation
    FROM pg_catalog.unnest(%(tables)s::text[]) AS named
    UNION
    SELECT relid
    FROM pg_catalog.unnest(%(tables)s::text[]) AS named
    CROSS JOIN pg_partition_tree(to_regclass(named))
),
theirs AS (
    SELECT relation FROM ours
    UNION
    -- The sequence of an identity column.
    SELECT objid
    FROM pg_depend
    JOIN ours ON refobjid = relation
    JOIN pg_class ON pg_class.oid = objid AND relkind = 'S'
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype = 'i'
),
given AS (
    SELECT relation, relowner, acl.grantee, acl.privilege_type
    FROM theirs
    JOIN pg_class ON pg_class.oid = relation
    CROSS JOIN aclexplode(relacl) AS acl
    UNION
    SELECT relation, relowner, acl.grantee, acl.privilege_type
    FROM theirs
    JOIN pg_class ON pg_class.oid = relation
    JOIN pg_attribute ON attrelid = relation
    CROSS JOIN aclexplode(attacl) AS acl
)
SELECT
    COALESCE(rolname, 'PUBLIC'),
    relation::regclass::text,
    pg_catalog.array_agg(privilege_type ORDER BY privilege_type)
FROM given
LEFT JOIN pg_roles ON pg_roles.oid = grantee
WHERE grantee <> relowner
    AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'USAGE')
GROUP BY 1, relation
ORDER BY 1, 2
