-- The tracked tables whose triggers write into one event table, told by the beginning of their
-- INSERT, into, and partitions of them, where a statement may be followed by another one on
-- the same table before it is captured: because there are triggers that are not this package's, or
-- foreign keys whose actions come back to it. And those that have the trigger
-- which takes turns.
--   relation    the table
--   is_needed   whether turns have to be taken
--   is_there    whether they are, by a trigger that is enabled
WITH RECURSIVE captured AS (
    SELECT DISTINCT tgrelid AS relation
    FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE strpos(prosrc, %(into)s) > 0
),
-- What an action on a row of one table writes to another.
action AS (
    SELECT confrelid AS fired_by, conrelid AS written
    FROM pg_constraint
    WHERE contype = 'f' AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))
),
reached AS (
    SELECT fired_by, written FROM action
    UNION
    SELECT reached.fired_by, action.written
    FROM reached
    JOIN action ON action.fired_by = reached.written
),
needed AS (
    SELECT relation
    FROM captured
    WHERE EXISTS (
            SELECT
            FROM pg_trigger
            JOIN pg_proc ON pg_proc.oid = tgfoid
            WHERE tgrelid = relation
                AND NOT tgisinternal
                -- Neither BEFORE nor INSTEAD OF.
                AND tgtype & 66 = 0
                AND tgenabled <> 'D'
                AND strpos(prosrc, '.pgaudit_log_event (') = 0
        )
        -- One that fires before a row is written may write to rows that its statement has written
        -- already; most only set values of the row, for which there is nothing in them to run.
        OR EXISTS (
            SELECT
            FROM pg_trigger
            JOIN pg_proc ON pg_proc.oid = tgfoid
            JOIN pg_language ON pg_language.oid = prolang
            WHERE tgrelid = relation
                AND NOT tgisinternal
                -- BEFORE, of a row, an update or a deletion.
                AND tgtype & 67 = 3
                AND tgtype & 24 <> 0
                AND tgenabled <> 'D'
                AND lanname NOT IN ('internal', 'c')
                AND prosrc ~* '\m(insert|update|delete|merge|perform|execute|call)\M'
        )
        OR EXISTS (SELECT FROM reached WHERE fired_by = relation AND written = relation)
),
taken AS (
    SELECT tgrelid AS relation
    FROM pg_trigger
    WHERE tgname = 'pgaudit_log_turn'
        AND tgfoid = to_regprocedure(%(taking)s)
        -- BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE, each statement.
        AND tgtype = 62
        AND tgenabled IN ('O', 'A')
        AND tgqual IS NULL
)
SELECT
    COALESCE(needed.relation, taken.relation)::regclass::text,
    needed.relation IS NOT NULL,
    taken.relation IS NOT NULL
FROM needed
FULL JOIN taken ON taken.relation = needed.relation
ORDER BY 1
