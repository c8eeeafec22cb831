-- pgaudit_log_state(labels, key, at, up_to, …): the row that had a key at a moment,
-- as one row with its key and its snapshot; none if it was not there. What timetravel/state_sql.py
-- says of a whole table, said of one key. It is a function so that its plans are kept:
-- to plan these three looks into all partitions takes longer than to carry them out.
--   labels        the label of the model, and those that it had before
--   key           as obj_pk has it
--   at            the moment, if it is a time
--   up_to         or the id of the event after which it is,
--   up_to_txid    its transaction
--   up_to_turn    and its turn, if it has one
--   other_labels  the labels of trackers whose events are not meant
--   old_labels    the labels of trackers that store the row as it was before an update
--   is_complete   whether every update is captured
-- Raises where a retention has removed what would tell.
-- Reads no settings. Pins search_path, jit and plan_cache_mode.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_state(
    labels text[],
    key text,
    at timestamptz,
    up_to bigint,
    up_to_txid bigint,
    up_to_turn bigint,
    other_labels text[],
    old_labels text[],
    is_complete boolean
)
RETURNS TABLE (obj_pk text, snapshot jsonb, shape integer)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $pgaudit_log$
#variable_conflict use_column
DECLARE
    newest record;
    last_txid bigint;
    former text[];
BEGIN
    PERFORM @schema@.pgaudit_log_is_known(labels, at, up_to);
    at := COALESCE(at, 'infinity');
    up_to := COALESCE(up_to, 9223372036854775807);
    up_to_turn := COALESCE(up_to_turn, up_to);

    -- The event with the largest id; then, where events of its transaction have turns, the newest
    -- of those in causal order (values/causal_order.py).
    -- OFFSET 0, here and below, and the tests outside of it keep a plan that knows no values
    -- from looking for all events of these ids and times, too.
    LOOP
        SELECT
            event.id,
            event.txid,
            event.turn,
            event.operation,
            event.shape,
            CASE WHEN event.operation = 'U' AND event.label = ANY (old_labels)
                THEN event.snapshot || COALESCE((
                    SELECT jsonb_object_agg(change.key, change.value -> 1)
                    FROM jsonb_each(event.diff) AS change
                ), '{}')
                ELSE event.snapshot
            END AS snapshot
        INTO newest
        FROM (
            SELECT *
            FROM @schema@.pgaudit_log_event AS event
            WHERE event.model = ANY (labels)
                AND event.label <> ALL (other_labels)
                AND event.obj_pk = pgaudit_log_state.key
                AND event.operation IN ('I', 'U', 'D', 'B')
            OFFSET 0
        ) AS event
        WHERE event.created_at <= at
            AND CASE WHEN event.txid = up_to_txid
                THEN (COALESCE(event.turn, event.id), event.id) <= (up_to_turn, up_to)
                ELSE event.id <= up_to
            END
            AND (last_txid IS NULL OR event.txid = last_txid)
        ORDER BY
            CASE WHEN last_txid IS NULL THEN event.id ELSE COALESCE(event.turn, event.id) END DESC,
            event.id DESC
        LIMIT 1;
        EXIT WHEN newest.turn IS NULL OR last_txid IS NOT NULL;
        last_txid := newest.txid;
    END LOOP;
    IF newest.id IS NULL OR newest.operation = 'D' THEN
        RETURN;
    END IF;

    -- Was the key taken away from the row?
    SELECT array_agg('was ' || label || ':' || pgaudit_log_state.key)
    INTO former
    FROM unnest(labels) AS label;
    PERFORM
    FROM (
        SELECT event.id, event.created_at, event.txid, event.turn, event.snapshot, event.diff
        FROM @schema@.pgaudit_log_event AS event
        WHERE event.model = ANY (labels)
            AND event.label <> ALL (other_labels)
            AND event.refs && former
        OFFSET 0
    ) AS moved
    WHERE CASE WHEN moved.txid = newest.txid
            THEN (COALESCE(moved.turn, moved.id), moved.id)
                >= (COALESCE(newest.turn, newest.id), newest.id)
            ELSE moved.id > newest.id
        END
        AND moved.created_at <= at
        AND CASE WHEN moved.txid = up_to_txid
            THEN (COALESCE(moved.turn, moved.id), moved.id) <= (up_to_turn, up_to)
            ELSE moved.id <= up_to
        END
        -- Where the key was passed on in one transaction, by the row that left it; see state_sql.py.
        AND (
            NOT is_complete
            OR moved.id = newest.id
            OR moved.txid <> newest.txid
            OR @schema@.pgaudit_log_resolved(moved.snapshot || COALESCE((
                SELECT jsonb_object_agg(change.key, change.value -> 0)
                FROM jsonb_each(moved.diff) AS change
            ), '{}')) = @schema@.pgaudit_log_resolved(newest.snapshot)
        );
    IF FOUND THEN
        RETURN;
    END IF;

    PERFORM
    FROM (
        SELECT event.id, event.created_at, event.txid, event.turn
        FROM @schema@.pgaudit_log_event AS event
        WHERE event.model = ANY (labels)
            AND event.obj_pk IS NULL
            AND event.operation = 'T'
        OFFSET 0
    ) AS truncation
    WHERE CASE WHEN truncation.txid = newest.txid
            THEN (COALESCE(truncation.turn, truncation.id), truncation.id)
                > (COALESCE(newest.turn, newest.id), newest.id)
            ELSE truncation.id > newest.id
        END
        AND truncation.created_at <= at
        AND CASE WHEN truncation.txid = up_to_txid
            THEN (COALESCE(truncation.turn, truncation.id), truncation.id) <= (up_to_turn, up_to)
            ELSE truncation.id <= up_to
        END;
    IF FOUND THEN
        RETURN;
    END IF;

    IF other_labels <> '{}' THEN
        -- A tracker of another declaration may have seen the row deleted.
        PERFORM
        FROM (
            SELECT event.id, event.created_at, event.txid, event.turn
            FROM @schema@.pgaudit_log_event AS event
            WHERE event.model = ANY (labels)
                AND event.obj_pk = pgaudit_log_state.key
                AND event.operation = 'D'
            OFFSET 0
        ) AS deletion
        WHERE CASE WHEN deletion.txid = newest.txid
                THEN (COALESCE(deletion.turn, deletion.id), deletion.id)
                    > (COALESCE(newest.turn, newest.id), newest.id)
                ELSE deletion.id > newest.id
            END
            AND deletion.created_at <= at
            AND CASE WHEN deletion.txid = up_to_txid
                THEN (COALESCE(deletion.turn, deletion.id), deletion.id) <= (up_to_turn, up_to)
                ELSE deletion.id <= up_to
            END;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;

    obj_pk := pgaudit_log_state.key;
    snapshot := newest.snapshot;
    shape := newest.shape;
    RETURN NEXT;
END;
$pgaudit_log$;
