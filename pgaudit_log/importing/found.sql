-- found: the records of a peer's table, each with what it becomes and the rows before and after it. It is
-- the beginning of other statements: of lines.sql and counts.sql.
--   @table@, @id@, @record_id@, @place@, @created_at@, @kind@, @operation@, @has_old@, @key@
--                 what is read of a record: see sources.py
--   @has_key@     whether it has a key
--   @life@        what the records of one object have in common
--   @image@       the row as one value, where several records may tell of one update; else NULL
--   @runs@, @told@  runs.sql, where they may, and the name of what it makes
--   @obj_pk@      the text of the key
--   @becomes@     the operation of the event; @writes_old@ whether such an update has the row before it
--   @seam@        first_own.sql and imported.sql, where there is something to be found
--   @is_imported@  whether a record was imported before; @is_compared@ is_compared.sql
--                 or, where values are not read yet, may_be_compared.sql; @next_at@ the time of the next
--                 record of the object, for that
--   @is_wanted@   whether a record is asked for
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
WITH told AS (
    SELECT
        @id@ AS source_id,
        @record_id@ AS record_id,
        @place@ AS place,
        @key@,
        @created_at@ AS created_at,
        @kind@ AS kind,
        @operation@ AS operation,
        @has_old@ AS has_old,
        @image@ AS image
    FROM @table@ AS source
    WHERE @operation@ IS NOT NULL AND @has_key@
),
chained AS (
    SELECT
        *,
        lag(source_id) OVER life AS previous_id,
        lag(operation) OVER life AS previous_operation,
        lead(source_id) OVER life AS next_id,
        lead(created_at) OVER life AS next_at,
        COALESCE(lead(has_old OR operation = 'D') OVER life, FALSE) AS next_has_old,
        -- Never before what its object has gone through, whatever the clocks of two transactions said.
        max(created_at) OVER life AS not_before,
        image IS NOT NULL
            AND operation = 'U'
            AND lag(operation) OVER life = 'U'
            AND kind <> lag(kind) OVER life
            AND created_at = lag(created_at) OVER life
            AND record_image_eq(image, lag(image) OVER life) AS is_repeated
    FROM told
    -- What a program had in memory stands beside the life of its object; so do rows as they were before
    -- an update where others tell of them as they are after.
    WINDOW life AS (PARTITION BY @life@ ORDER BY place)
),
@runs@told_once AS (
    SELECT
        source_id,
        record_id,
        place,
        kind,
        created_at,
        @next_at@ AS next_at,
        not_before,
        @obj_pk@ AS obj_pk,
        CASE WHEN has_old THEN source_id ELSE previous_id END AS old_id,
        CASE WHEN NOT has_old THEN source_id WHEN next_has_old THEN next_id END AS new_id,
        @becomes@ AS operation,
        @becomes@ = 'U' AND @writes_old@ OR @becomes@ = 'M' AND has_old AS is_old
    FROM @told@ AS told
),
found AS (
    SELECT
        told_once.*,
        @is_imported@ AS is_imported,
        @is_compared@ AS is_compared
    FROM told_once
    @seam@
    WHERE @is_wanted@
)
