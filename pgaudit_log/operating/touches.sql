-- touches: what events did to the rows at each key of a range, in causal order, as far as it has
-- to be looked at: where an event did not find what the one before it had left, where the table
-- is not as the newest left it, and all events of keys that rows have come to or gone from.
--   @belongs@        the test whether event is one of the table that is judged
--   @is_move@        the test whether event changed the key of its row
--   @former_keys@    what refs has in front of a former key
--   @within@, @former_within@  the tests whether the key, and the former key, are in the range
--   @own@, @other@   which value of each pair of a diff the snapshot has, and which it has not
--   @before@, @after@  the row as the event touch found it, and as it left it
--   @before_today@, @after_today@, @contradicted_today@  what is read, under today's names
--   @truncated_before@, @truncated_after@  the tests whether truncation stands between, or behind
--   @is_compared@    whether the newest state is compared with the table
--   @standing@       what is placed, without what a retention has left of older transactions
--   @is_judged@      the test whether chained is compared with the event before it
--   @key@            the columns of the key out of its text; @is_same@ the test for its row
--   @is_readable@    the test whether the key could be read
--   @table@          the tracked table; @values@ its tracked columns, as events store them
--   @sent@           the function that makes a snapshot whole that refers to other events
-- Reads the settings under which values are written as text: see values/pinned_settings.py.
WITH own AS NOT MATERIALIZED (
    SELECT *
    FROM pgaudit_log_event AS event
    WHERE @belongs@
),
truncation AS MATERIALIZED (
    SELECT id, txid, turn
    FROM own
    WHERE obj_pk IS NULL AND operation = 'T'
),
touch AS (
    SELECT
        obj_pk AS key, id, created_at, txid, turn, shape, operation, snapshot, diff,
        COALESCE(@is_move@, FALSE) AS is_move, FALSE AS is_departure
    FROM own AS event
    WHERE operation IN ('I', 'U', 'D', 'B') AND obj_pk IS NOT NULL AND @within@
    UNION ALL
    SELECT
        former.key, id, created_at, txid, turn, shape, operation, snapshot, diff, TRUE, TRUE
    FROM own AS event
    CROSS JOIN LATERAL (
        SELECT substr(reference, length(start) + 1) COLLATE "C" AS key
        FROM unnest(event.refs) AS reference
        JOIN unnest(@former_keys@) AS start ON starts_with(reference, start)
        LIMIT 1
    ) AS former
    WHERE operation = 'U' AND @is_move@ AND @former_within@
),
placed AS (
    SELECT
        touch.key, touch.id, touch.created_at, touch.txid, touch.turn, touch.operation,
        touch.is_move, touch.is_departure,
        CASE WHEN touch.operation IN ('U', 'D') AND touch.is_departure = touch.is_move
            THEN @before_today@ END AS before,
        CASE WHEN touch.operation <> 'D' AND NOT touch.is_departure
            THEN @after_today@ END AS after,
        @contradicted_today@ AS contradicted,
        -- Two transactions never change one row at the same time: all ids of one come first.
        min(touch.id) OVER (PARTITION BY touch.key, touch.txid) AS first_id
    FROM touch
    CROSS JOIN LATERAL (
        SELECT
            jsonb_object_agg(change.key, change.value -> @other@) AS other,
            jsonb_object_agg(
                change.key, jsonb_build_array(change.value -> @own@, touch.snapshot -> change.key)
            ) FILTER (
                WHERE NOT touch.is_departure
                    AND touch.snapshot -> change.key <> change.value -> @own@
                    AND touch.snapshot -> change.key -> 'pgaudit_log.at' IS NULL
                    AND change.value -> @own@ -> 'pgaudit_log.at' IS NULL
            ) AS contradicted
        FROM jsonb_each(touch.diff) AS change
    ) AS changed
    CROSS JOIN LATERAL (SELECT touch.shape, @before@ AS snapshot) AS found
    CROSS JOIN LATERAL (SELECT touch.shape, @after@ AS snapshot) AS left_behind
    CROSS JOIN LATERAL (SELECT touch.shape, changed.contradicted AS snapshot) AS contradicted
),
chained AS (
    SELECT
        *,
        lag(id) OVER chain AS previous_id,
        lag(created_at) OVER chain AS previous_created_at,
        lag(txid) OVER chain AS previous_txid,
        lag(turn) OVER chain AS previous_turn,
        lag(after) OVER chain AS previous_after,
        lead(id) OVER chain IS NULL AND @is_compared@ AS is_last,
        -- Several rows may be here within a transaction.
        bool_or(is_move OR (operation = 'D' AND turn IS NOT NULL)) OVER (PARTITION BY key) AS is_winding
    FROM @standing@ AS placed
    WINDOW chain AS (PARTITION BY key ORDER BY first_id, COALESCE(turn, id), id)
)
SELECT
    chained.key,
    chained.is_winding,
    chained.previous_id,
    -- Within the times that Python has.
    GREATEST(
        LEAST(chained.previous_created_at, '9999-12-31 23:59:59.999999+00'), '0001-01-01 00:00:00+00'
    ) AT TIME ZONE 'UTC',
    @sent@(chained.previous_after)::text,
    chained.id,
    -- Within the times that Python has.
    GREATEST(
        LEAST(chained.created_at, '9999-12-31 23:59:59.999999+00'), '0001-01-01 00:00:00+00'
    ) AT TIME ZONE 'UTC',
    chained.txid,
    chained.operation,
    chained.is_move,
    chained.is_departure,
    @sent@(chained.before)::text,
    @sent@(chained.after)::text,
    chained.contradicted::text,
    truncated.is_before,
    chained.is_last,
    truncated.is_after,
    today.is_readable,
    today.is_there,
    today.document::text
FROM chained
CROSS JOIN LATERAL (
    SELECT
        EXISTS (
            SELECT
            FROM truncation
            CROSS JOIN (
                SELECT chained.previous_id AS id, chained.previous_txid AS txid, chained.previous_turn AS turn
            ) AS previous
            WHERE @truncated_before@
        ) AS is_before,
        EXISTS (SELECT FROM truncation WHERE @truncated_after@) AS is_after
    OFFSET 0
) AS truncated
LEFT JOIN LATERAL (
    SELECT @is_readable@ AS is_readable, live.is_there, live.document
    FROM (
        SELECT @key@
        FROM (SELECT chained.key AS obj_pk, chained.after AS state WHERE chained.is_last) AS given
    ) AS wanted
    LEFT JOIN LATERAL (
        SELECT
            TRUE AS is_there,
            (SELECT to_jsonb(tracked.*) FROM (SELECT @values@) AS tracked) AS document
        FROM @table@ AS live
        WHERE @is_same@
        OFFSET 0
    ) AS live ON TRUE
) AS today ON TRUE
WHERE chained.is_winding
    OR chained.contradicted IS NOT NULL
    OR (
        chained.previous_id IS NOT NULL
        AND @is_judged@
        AND CASE WHEN chained.previous_after IS NULL OR truncated.is_before
            THEN chained.operation <> 'I'
            ELSE chained.operation = 'I'
                OR record_image_ne(
                    ROW(COALESCE(chained.before, chained.after)), ROW(chained.previous_after)
                )
        END
    )
    OR (
        chained.is_last
        AND CASE WHEN chained.after IS NULL OR truncated.is_after
            THEN today.is_there
            ELSE today.is_there IS NULL OR record_image_ne(ROW(chained.after), ROW(today.document))
        END
    )
ORDER BY chained.key, chained.first_id, COALESCE(chained.turn, chained.id), chained.id
