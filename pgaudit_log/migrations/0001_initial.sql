-- pgaudit_log_event: every change of every tracked table, one row an event.
-- Partitioned by month (UTC); the DEFAULT partition takes what has no partition
-- of its own, so that an insert never fails for want of one.
CREATE TABLE IF NOT EXISTS pgaudit_log_event (
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL DEFAULT now(),
    txid       bigint      NOT NULL DEFAULT txid_current(),
    model      text        NOT NULL,
    obj_pk     text        COLLATE "C",
    label      text        NOT NULL,
    operation  text        NOT NULL,
    snapshot   jsonb,
    diff       jsonb,
    refs       text[],
    context_id uuid,
    context    jsonb,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);

-- Its partitions are only ever inserted into. They are frozen when they are first
-- vacuumed, so that no later vacuum against wraparound reads them again; and vacuumed
-- at each twentieth of new rows, not at each fifth.
CREATE TABLE IF NOT EXISTS pgaudit_log_event_default
    PARTITION OF pgaudit_log_event DEFAULT
    WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0.05);

COMMENT ON TABLE pgaudit_log_event IS 'Every change of every tracked table: append-only, one row an event.';
COMMENT ON COLUMN pgaudit_log_event.id IS 'Order of capture.';
COMMENT ON COLUMN pgaudit_log_event.created_at IS 'Start of the transaction that made the change.';
COMMENT ON COLUMN pgaudit_log_event.txid IS 'The transaction that made the change.';
COMMENT ON COLUMN pgaudit_log_event.model IS 'Label of the tracked model, such as shop.Order.';
COMMENT ON COLUMN pgaudit_log_event.obj_pk IS 'Primary key of the row as text; a composite key as a JSON array.';
COMMENT ON COLUMN pgaudit_log_event.label IS 'Label of the tracker that wrote the event.';
COMMENT ON COLUMN pgaudit_log_event.operation IS 'I insert, U update, D delete, T truncate, M manual, B baseline.';
COMMENT ON COLUMN pgaudit_log_event.snapshot IS 'The tracked columns of the row, keyed by column.';
COMMENT ON COLUMN pgaudit_log_event.diff IS 'What an update changed: {"column": [old, new]}.';
COMMENT ON COLUMN pgaudit_log_event.refs IS 'What the row''s foreign keys pointed at: {shop.Customer:5}. An update of the key adds {moved shop.Order, was shop.Order:7}.';
COMMENT ON COLUMN pgaudit_log_event.context_id IS 'One per context, so that its events can be found together.';
COMMENT ON COLUMN pgaudit_log_event.context IS 'Who and why; without a context, the database session that wrote.';

-- One object's events in order. Each entry ends with the number of its event, so there
-- are no duplicates that PostgreSQL could store once; it need not look for them.
CREATE INDEX IF NOT EXISTS pgaudit_log_event_object
    ON pgaudit_log_event (model, obj_pk, id) WITH (deduplicate_items = off);

-- One user's events in order.
CREATE INDEX IF NOT EXISTS pgaudit_log_event_user
    ON pgaudit_log_event ((context ->> 'user'), id) WITH (deduplicate_items = off);

-- The events of a time, a transaction or a context: small, because all three
-- grow with the table. Autovacuum sums each range up once it is full; what is not
-- summed up would be read by each question.
CREATE INDEX IF NOT EXISTS pgaudit_log_event_brin
    ON pgaudit_log_event USING brin (created_at, txid, context_id) WITH (autosummarize = on);

-- pgaudit_log_parse_jsonb(value): value as jsonb; text that is not JSON comes back
-- as {"malformed": "..."}: what another program put into the context must neither
-- be lost nor refuse the write that it came with.
-- Reads no settings.
CREATE OR REPLACE FUNCTION pgaudit_log_parse_jsonb(value text)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
AS $pgaudit_log$
BEGIN
    -- This block starts a subtransaction, but it writes nothing and so takes no
    -- transaction id.
    RETURN value::jsonb;
EXCEPTION
    WHEN OTHERS THEN
        RETURN jsonb_build_object('malformed', left(value, 1000));
END;
$pgaudit_log$;

-- pgaudit_log_is_valid(value, type_name): whether value can be read as the type.
-- Views use it on PostgreSQL 15; later servers have pg_input_is_valid().
-- Reads no settings.
CREATE OR REPLACE FUNCTION pgaudit_log_is_valid(value text, type_name text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
STRICT
AS $pgaudit_log$
BEGIN
    -- The type's name is one that the views of this package have; %s, because it may
    -- be of several words.
    EXECUTE format('SELECT $1::%s', type_name) USING value;
    RETURN true;
EXCEPTION
    WHEN data_exception OR integrity_constraint_violation THEN
        RETURN false;
END;
$pgaudit_log$;

-- pgaudit_log_context(): who and why, for the statement that is running.
--
-- 1. The comment that the statement starts with: /*pgaudit_log:<uuid><json>*/.
--    Only a leading comment counts, so that text which a visitor typed never
--    becomes a context.
-- 2. Else the setting pgaudit_log.context, for psql and other programs:
--    SET pgaudit_log.context = '{"user": "ana"}', with or without a leading uuid.
-- 3. Else the database session itself: {"session": {"role", "application", "address"}}.
--
-- current_query() copies the whole statement: call this once per statement.
-- PL/pgSQL prepares each expression anew in each transaction, so what is rarely needed
-- stands where it is rarely reached.
-- Reads: pgaudit_log.context, application_name, role. The capture functions that call
-- it pin search_path; pinning it here too would cost a microsecond a statement.
CREATE OR REPLACE FUNCTION pgaudit_log_context(OUT id uuid, OUT value jsonb)
LANGUAGE plpgsql
STABLE
AS $pgaudit_log$
DECLARE
    carried text := current_query();
BEGIN
    IF starts_with(carried, '/*pgaudit_log:') THEN
        carried := substr(split_part(carried, '*/', 1), 15);
    ELSE
        carried := current_setting('pgaudit_log.context', true);
        -- A setting that was local to an ended transaction reads as '', not NULL.
        IF carried IS NULL OR carried = '' THEN
            value := jsonb_build_object('session', jsonb_strip_nulls(jsonb_build_object(
                'role', session_user,
                'set_role', NULLIF(current_setting('role'), 'none'),
                'application', NULLIF(current_setting('application_name'), ''),
                'address', host(inet_client_addr())
            )));
            RETURN;
        END IF;
    END IF;

    -- This block starts a subtransaction, but it writes nothing and so takes no
    -- transaction id.
    BEGIN
        IF left(carried, 1) = '{' THEN
            value := carried::jsonb;
        ELSE
            id := left(carried, 36)::uuid;
            value := substr(carried, 37)::jsonb;
        END IF;
    EXCEPTION
        WHEN OTHERS THEN
            -- Not as Python writes it. It must neither be lost nor refuse the write.
            id := NULL;
            IF left(carried, 36) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
                id := left(carried, 36)::uuid;
                carried := substr(carried, 37);
            END IF;
            value := pgaudit_log_parse_jsonb(carried);
    END;

    -- What is too long for the index on the user would refuse the write.
    IF octet_length(carried) > 600 THEN
        IF length(value ->> 'user') > 600 THEN
            value := jsonb_set(value, '{user}', to_jsonb(left(value ->> 'user', 600)));
        END IF;
    END IF;
END;
$pgaudit_log$;

-- pgaudit_log_context_once(): pgaudit_log_context(), read once per statement.
-- For row-level triggers, which ask once a row: current_query() copies the whole
-- statement, 284 microseconds a row in an INSERT of 5,000 rows.
-- The memo is keyed by the time at which the statement arrived and lives as long
-- as the transaction.
-- Reads pgaudit_log.context; reads and writes pgaudit_log.memo.
CREATE OR REPLACE FUNCTION pgaudit_log_context_once(OUT id uuid, OUT value jsonb)
LANGUAGE plpgsql
VOLATILE
AS $pgaudit_log$
DECLARE
    -- A function may change the setting while its caller's statement runs.
    arrival text := concat_ws(
        ' ',
        extract(epoch FROM statement_timestamp()),
        txid_current(),
        hashtextextended(current_setting('pgaudit_log.context', true), 0)
    );
    memo text := current_setting('pgaudit_log.memo', true);
BEGIN
    IF split_part(memo, '|', 1) = arrival THEN
        id := NULLIF(split_part(memo, '|', 2), '')::uuid;
        value := substr(memo, length(arrival) + length(split_part(memo, '|', 2)) + 3)::jsonb;
    ELSE
        SELECT context.id, context.value INTO id, value
        FROM pgaudit_log_context() AS context;
        PERFORM set_config('pgaudit_log.memo', concat(arrival, '|', id, '|', value), true);
    END IF;
END;
$pgaudit_log$;

-- pgaudit_log_snapshot(value): a row as the capture functions render it, whatever
-- the session's own settings are. For events that Python writes (create_event).
-- Pins what to_jsonb() reads: TimeZone, DateStyle, bytea_output, IntervalStyle, extra_float_digits.
CREATE OR REPLACE FUNCTION pgaudit_log_snapshot(value record)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET "TimeZone" = 'UTC'
SET "DateStyle" = 'ISO, YMD'
SET bytea_output = 'hex'
SET "IntervalStyle" = 'iso_8601'
SET extra_float_digits = 1
AS $pgaudit_log$
BEGIN
    RETURN to_jsonb(value);
END;
$pgaudit_log$;

-- pgaudit_log_state(labels, key, at, up_to, …): the row that had a key at a moment,
-- as one row with its key and its snapshot; none if it was not there. What views.state_sql()
-- says of a whole table, said of one key. It is a function so that its plans are kept:
-- to plan these three looks into all partitions takes longer than to carry them out.
--   labels        the label of the model, and those that it had before
--   key           as obj_pk has it
--   at, up_to     the moment: a time, or the id of an event; the other one is NULL
--   other_labels  the labels of trackers whose events are not meant
--   old_labels    the labels of trackers that store the row as it was before an update
--   is_complete   whether every update is captured
-- Reads no settings. Pins jit and plan_cache_mode.
CREATE OR REPLACE FUNCTION pgaudit_log_state(
    labels text[],
    key text,
    at timestamptz,
    up_to bigint,
    other_labels text[],
    old_labels text[],
    is_complete boolean
)
RETURNS TABLE (obj_pk text, snapshot jsonb)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
ROWS 1
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $pgaudit_log$
#variable_conflict use_column
DECLARE
    newest record;
    former text[];
BEGIN
    at := COALESCE(at, 'infinity');
    up_to := COALESCE(up_to, 9223372036854775807);

    -- OFFSET 0, here and below, and the tests outside of it keep a plan that knows no values
    -- from looking for all events of these ids and times, too.
    SELECT
        event.id,
        event.txid,
        event.operation,
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
        FROM pgaudit_log_event AS event
        WHERE event.model = ANY (labels)
            AND event.label <> ALL (other_labels)
            AND event.obj_pk = pgaudit_log_state.key
            AND event.operation IN ('I', 'U', 'D', 'B')
        OFFSET 0
    ) AS event
    WHERE event.created_at <= at
        AND event.id <= up_to
    ORDER BY event.id DESC
    LIMIT 1;
    IF NOT FOUND OR newest.operation = 'D' THEN
        RETURN;
    END IF;

    -- Was the key taken away from the row?
    SELECT array_agg('was ' || label || ':' || pgaudit_log_state.key)
    INTO former
    FROM unnest(labels) AS label;
    PERFORM
    FROM (
        SELECT event.id, event.created_at, event.txid, event.snapshot, event.diff
        FROM pgaudit_log_event AS event
        WHERE event.model = ANY (labels)
            AND event.label <> ALL (other_labels)
            AND event.refs && former
        OFFSET 0
    ) AS moved
    WHERE moved.id >= newest.id
        AND moved.created_at <= at
        AND moved.id <= up_to
        -- Where the key was passed on in one transaction, by the row that left it; see views.py.
        AND (
            NOT is_complete
            OR moved.id = newest.id
            OR moved.txid <> newest.txid
            OR moved.snapshot || COALESCE((
                SELECT jsonb_object_agg(change.key, change.value -> 0)
                FROM jsonb_each(moved.diff) AS change
            ), '{}') = newest.snapshot
        );
    IF FOUND THEN
        RETURN;
    END IF;

    PERFORM
    FROM (
        SELECT event.id, event.created_at
        FROM pgaudit_log_event AS event
        WHERE event.model = ANY (labels)
            AND event.obj_pk IS NULL
            AND event.operation = 'T'
        OFFSET 0
    ) AS truncation
    WHERE truncation.id > newest.id
        AND truncation.created_at <= at
        AND truncation.id <= up_to;
    IF FOUND THEN
        RETURN;
    END IF;

    IF other_labels <> '{}' THEN
        -- A tracker of another declaration may have seen the row deleted.
        PERFORM
        FROM (
            SELECT event.id, event.created_at
            FROM pgaudit_log_event AS event
            WHERE event.model = ANY (labels)
                AND event.obj_pk = pgaudit_log_state.key
                AND event.operation = 'D'
            OFFSET 0
        ) AS deletion
        WHERE deletion.id > newest.id
            AND deletion.created_at <= at
            AND deletion.id <= up_to;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;

    obj_pk := pgaudit_log_state.key;
    snapshot := newest.snapshot;
    RETURN NEXT;
END;
$pgaudit_log$;

-- pgaudit_log_refuse_change(): keeps the event table append-only.
-- Reads no settings.
CREATE OR REPLACE FUNCTION pgaudit_log_refuse_change()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
BEGIN
    RAISE EXCEPTION 'pgaudit_log: % on %.% refused: events are append-only',
        TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation',
          HINT = 'Correct the tracked row instead; its correction is captured as an event of its own.';
END;
$pgaudit_log$;

-- The triggers that keep the event table append-only. Row triggers of the parent
-- are copied to each partition by PostgreSQL; TRUNCATE triggers are not, so each
-- partition gets its own (partition.sql). ENABLE ALWAYS: they hold under
-- session_replication_role = replica too.
CREATE OR REPLACE TRIGGER pgaudit_log_refuse_change
    BEFORE UPDATE OR DELETE ON pgaudit_log_event
    FOR EACH ROW EXECUTE FUNCTION pgaudit_log_refuse_change();

ALTER TABLE pgaudit_log_event
    ENABLE ALWAYS TRIGGER pgaudit_log_refuse_change;

CREATE OR REPLACE TRIGGER pgaudit_log_refuse_truncate
    BEFORE TRUNCATE ON pgaudit_log_event
    FOR EACH STATEMENT EXECUTE FUNCTION pgaudit_log_refuse_change();

ALTER TABLE pgaudit_log_event
    ENABLE ALWAYS TRIGGER pgaudit_log_refuse_truncate;

CREATE OR REPLACE TRIGGER pgaudit_log_refuse_truncate
    BEFORE TRUNCATE ON pgaudit_log_event_default
    FOR EACH STATEMENT EXECUTE FUNCTION pgaudit_log_refuse_change();

ALTER TABLE pgaudit_log_event_default
    ENABLE ALWAYS TRIGGER pgaudit_log_refuse_truncate;
