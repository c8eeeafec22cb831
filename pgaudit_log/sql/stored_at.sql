-- pgaudit_log_stored_at(model, obj_pk, shape, key, value, as_text, …): what an event has instead of
-- the value of a large column that an earlier event of the object has to the last bit:
--     {"pgaudit_log.at": {"id": 12, "created_at": "…", "key": "body"}}
-- says that the event 12 has it in its snapshot, under that key. NULL where none is found that has it.
-- Only the newest event that has the column is asked; the value itself is compared, so that what
-- was not captured in between, or is not there any more, does no harm. And only events of the same
-- partition are: it can then be taken away as a whole, and there is one index to look into.
--   model, obj_pk   of the object, before the change that is captured
--   shape           of another shape, the key may mean another column, whose values are not this one's
--   key             the column
--   value, as_text  the value: as snapshots have it; or of a text column the text, faster
--   created_at      of the event that is written
--   period          the length of a partition, or what divides it: day, week, month
-- Reads no settings. Pins search_path, jit, plan_cache_mode and enable_seqscan: a plan that was
-- made while the table was small would read it whole later.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_stored_at(
    model text,
    obj_pk text,
    shape integer,
    key text,
    value jsonb,
    as_text text,
    created_at timestamptz,
    period text
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $pgaudit_log$
DECLARE
    earlier record;
    stored jsonb;
    place jsonb;
    since timestamp := date_trunc(period, pgaudit_log_stored_at.created_at AT TIME ZONE 'UTC');
    until timestamp := since + ('1 ' || period)::interval;
BEGIN
    -- A few events, because those of other trackers may not have the column.
    FOR earlier IN
        SELECT event.id, event.created_at, event.snapshot
        FROM @schema@.pgaudit_log_event AS event
        WHERE event.model = pgaudit_log_stored_at.model
            AND event.obj_pk = pgaudit_log_stored_at.obj_pk
            AND event.shape = pgaudit_log_stored_at.shape
            AND event.operation IN ('I', 'U', 'B', 'M')
            AND event.created_at >= since AT TIME ZONE 'UTC'
            AND event.created_at < until AT TIME ZONE 'UTC'
        ORDER BY event.id DESC
        LIMIT 8
    LOOP
        stored := earlier.snapshot -> pgaudit_log_stored_at.key;
        EXIT WHEN stored IS NOT NULL;
    END LOOP;
    IF stored IS NULL THEN
        RETURN NULL;
    END IF;

    place := stored -> 'pgaudit_log.at';
    IF place IS NULL THEN
        place := jsonb_build_object(
            'id', earlier.id,
            'created_at', earlier.created_at,
            'key', pgaudit_log_stored_at.key
        );
    ELSIF place ->> 'id' ~ '^-?[0-9]{1,18}$'
        AND @schema@.pgaudit_log_is_valid(place ->> 'created_at', 'timestamptz')
    THEN
        SELECT event.snapshot -> (place ->> 'key') INTO stored
        FROM @schema@.pgaudit_log_event AS event
        WHERE event.id = (place ->> 'id')::bigint
            AND event.created_at = (place ->> 'created_at')::timestamptz;
    END IF;

    IF as_text IS NULL AND record_image_eq(ROW(stored), ROW(value))
        OR jsonb_typeof(stored) = 'string' AND stored #>> '{}' = as_text COLLATE "C"
    THEN
        RETURN jsonb_build_object('pgaudit_log.at', place);
    END IF;
    RETURN NULL;
END;
$pgaudit_log$;
