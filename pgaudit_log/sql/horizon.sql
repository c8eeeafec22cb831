-- pgaudit_log_horizon: from when on the past of a model is known, since a retention removed what was
-- older. What stays of that is the newest event of each object that there was, so that all that comes
-- later can be told. The latest row of a model holds.
CREATE TABLE IF NOT EXISTS @schema@.pgaudit_log_horizon (
    number     bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model      text        NOT NULL,
    since      timestamptz NOT NULL,
    last_id    bigint      NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT now(),
    reached_at timestamptz
);

COMMENT ON TABLE @schema@.pgaudit_log_horizon IS 'From when on the past of a model is known, where a retention removed what was older.';
COMMENT ON COLUMN @schema@.pgaudit_log_horizon.model IS 'What events call the model.';
COMMENT ON COLUMN @schema@.pgaudit_log_horizon.since IS 'The first moment of which the past is known.';
COMMENT ON COLUMN @schema@.pgaudit_log_horizon.last_id IS 'The largest id that an event from before had; what was just after an earlier one is not known.';
COMMENT ON COLUMN @schema@.pgaudit_log_horizon.set_at IS 'When the retention began to remove.';
COMMENT ON COLUMN @schema@.pgaudit_log_horizon.reached_at IS 'When all had been removed that was to go; null until then.';

-- Who may ask for the past is told what is not known of it.
GRANT SELECT ON @schema@.pgaudit_log_horizon TO PUBLIC;

-- pgaudit_log_is_known(labels, at, up_to): true; raises where the moment is before the horizon of a
-- model, so that events of the past it asks for may be gone.
--   labels  the label of the model, and those that it had before
--   at      the moment, if it is a time
--   up_to   or the id of the event after which it is
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_is_known(labels text[], at timestamptz, up_to bigint)
RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    horizon record;
BEGIN
    SELECT max(own.since) AS since, max(own.last_id) AS last_id INTO horizon
    FROM @schema@.pgaudit_log_horizon AS own
    WHERE own.model = ANY (labels);
    IF at < horizon.since OR up_to < horizon.last_id THEN
        RAISE EXCEPTION 'pgaudit_log: % is unknown before %: a retention removed its earlier events',
            labels[1], to_char(horizon.since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')
        USING ERRCODE = 'no_data_found',
              HINT = 'Ask for a later moment. pgaudit_log_horizon has the horizon of each model.';
    END IF;
    RETURN true;
END;
$pgaudit_log$;
