-- access_found: what a peer has recorded of logins and requests, each with whether it is to be imported. It
-- is the beginning of other statements: of lines.sql, and of a count.
--   @records@   the records: source_id, created_at, kind, label, obj_pk
--   @model@     what events call that which is in no table; @table@ what they call the peer's table
--   @skew@      how far the clocks of the peer and of PostgreSQL may be apart
--   @is_wanted@ whether a record is asked for
-- Reads no settings.
WITH imported AS (
    SELECT DISTINCT origin ->> 'id' AS record_id
    FROM pgaudit_log_event
    WHERE model = @model@ AND id < 0 AND origin ->> 'table' = @table@
),
own AS (
    SELECT DISTINCT ON (label) label, created_at AS began_at, obj_pk AS first_pk
    FROM pgaudit_log_event
    WHERE model = @model@ AND id > 0
    ORDER BY label, id
),
found AS (
    SELECT
        record.source_id,
        NULL::bigint AS old_id,
        NULL::bigint AS new_id,
        record.source_id AS place,
        record.created_at,
        record.created_at AS not_before,
        record.kind,
        'M' AS operation,
        FALSE AS is_old,
        record.obj_pk,
        record.source_id::text IN (SELECT record_id FROM imported) AS is_imported,
        COALESCE(
            record.created_at >= own.began_at - CASE
                WHEN record.obj_pk IS NOT DISTINCT FROM own.first_pk THEN interval '@skew@' ELSE '0'
            END,
            FALSE
        ) AS is_compared
    FROM (@records@) AS record
    LEFT JOIN own ON own.label = record.label
    WHERE @is_wanted@
)
