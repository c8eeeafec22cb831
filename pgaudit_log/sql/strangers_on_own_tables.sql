-- What others have put on the tables tables of this package, or on partitions of them: rules,
-- and triggers that are not named guards. They could change, drop or copy what is captured.
WITH own AS (
    SELECT DISTINCT tree.relid
    FROM pg_catalog.unnest(%(tables)s::text[]) AS given (name)
    CROSS JOIN LATERAL (
        SELECT to_regclass(given.name)::oid AS relid
        UNION
        SELECT relid::oid FROM pg_partition_tree(to_regclass(given.name))
    ) AS tree
)
SELECT pg_describe_object('pg_trigger'::regclass, pg_trigger.oid, 0)
FROM own
JOIN pg_trigger ON tgrelid = own.relid
WHERE NOT tgisinternal AND tgparentid = 0 AND tgname <> ALL (%(guards)s)
UNION ALL
SELECT pg_describe_object('pg_rewrite'::regclass, pg_rewrite.oid, 0)
FROM own
JOIN pg_rewrite ON ev_class = own.relid
ORDER BY 1
