-- The partitions of the event table, without reading any: name, from when and up to when, null for
-- the DEFAULT one, and where Python has no such times; all their bytes, with indexes and what is stored out of line; those of the rows
-- alone; how many rows they have by their last ANALYZE, else by what the server has counted since it
-- started, null where neither is known; whether this role may name the partition itself in a query; and the
-- models of the most events with their shares, by the last ANALYZE.
--   @bounds@  the FROM items of the bounds of partition: see database/partitions/bounds.py
--   @events@  the event table
SELECT
    partition.oid::regclass::text,
    lower(known) AT TIME ZONE 'UTC' AS start,
    upper(known) AT TIME ZONE 'UTC',
    pg_total_relation_size(partition.oid),
    pg_relation_size(partition.oid),
    CASE
        WHEN pg_relation_size(partition.oid) = 0 THEN 0
        -- As the planner does it: as many rows a page as there were, in the pages that there are.
        WHEN reltuples > 0 AND relpages > 0 THEN round(
            reltuples / relpages
            * (pg_relation_size(partition.oid) / current_setting('block_size')::numeric)::real
        )::bigint
        ELSE NULLIF(pg_stat_get_live_tuples(partition.oid), 0)
    END,
    has_table_privilege(partition.oid, 'SELECT'),
    most_common_vals::text::text[],
    most_common_freqs
FROM pg_inherits
JOIN pg_class AS partition ON partition.oid = inhrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
@bounds@
LEFT JOIN pg_stats ON schemaname = nspname AND tablename = relname AND attname = 'model'
WHERE inhparent = to_regclass(@events@)
ORDER BY start NULLS FIRST
