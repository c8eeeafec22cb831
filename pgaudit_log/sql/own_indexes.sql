-- The indexes of the event table in the schema schema: name, definition, and whether all of its
-- partitions have it.
SELECT index.relname, pg_get_indexdef(index.oid), indisvalid
FROM pg_index
JOIN pg_class AS index ON index.oid = indexrelid
JOIN pg_class AS events ON events.oid = indrelid
WHERE events.relnamespace = %(schema)s::regnamespace AND events.relname = 'pgaudit_log_event'
