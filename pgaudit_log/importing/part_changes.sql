-- part_changes: the changes of a many-to-many field: what each record of an object has, and the one
-- before it has not, and the other way round. Of an object whose first record tells of no creation, what
-- it has was found there.
--   @records@  the historical records of the objects, whose key is @owner@
--   @parts@    the rows that each record had, whose key is @key@; their @columns@, compared as
--              @compared@ and @compared_before@
--   @about@    the columns of a record that tell who and why; @context@ the expression of them
-- What is made here has names that no column of a model has: a through model may have any of its own.
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
WITH record AS (
    SELECT
        @about@,
        row_number() OVER (ORDER BY history_date, history_id) AS "pgaudit_log place",
        lag(history_id) OVER (PARTITION BY @owner@ ORDER BY history_date, history_id) AS previous_id
    FROM @records@ AS record
),
change AS (
    SELECT
        record."pgaudit_log place", record.history_id, record.history_date, @context@ AS "pgaudit_log context",
        CASE
            WHEN before.@key@ IS NOT NULL THEN '~'
            WHEN record.previous_id IS NULL AND record.history_type <> '+' THEN '~'
            ELSE '+'
        END AS history_type,
        @columns@
    FROM record
    JOIN @parts@ AS part ON part.history_id = record.history_id
    LEFT JOIN @parts@ AS before
        ON before.history_id = record.previous_id AND before.@key@ = part.@key@
    WHERE before.@key@ IS NULL OR record_image_ne(@compared@, @compared_before@)
    UNION ALL
    SELECT record."pgaudit_log place", record.history_id, record.history_date, @context@, '-', @columns@
    FROM record
    JOIN @parts@ AS part ON part.history_id = record.previous_id
    LEFT JOIN @parts@ AS now ON now.history_id = record.history_id AND now.@key@ = part.@key@
    WHERE now.@key@ IS NULL
)
SELECT
    row_number() OVER (ORDER BY "pgaudit_log place", history_type = '+', @key@) AS "pgaudit_log change",
    history_id::text || ':' || @key@ AS "pgaudit_log record",
    change.*
FROM change
