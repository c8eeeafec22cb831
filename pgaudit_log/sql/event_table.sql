-- pgaudit_log_event: every change of every tracked table, one row an event.
-- Partitioned by month (UTC); the DEFAULT partition takes what has no partition
-- of its own, so that an insert never fails for want of one.
CREATE TABLE IF NOT EXISTS @schema@.pgaudit_log_event (
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL DEFAULT now(),
    txid       bigint      NOT NULL DEFAULT txid_current(),
    turn       bigint,
    shape      integer     NOT NULL DEFAULT 0,
    model      text        NOT NULL,
    obj_pk     text        COLLATE "C",
    label      text        NOT NULL,
    operation  text        NOT NULL,
    snapshot   jsonb,
    diff       jsonb,
    refs       text[],
    context_id uuid,
    context    jsonb,
    role       text        NOT NULL DEFAULT session_user,
    session    jsonb,
    origin     jsonb,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);

-- Its partitions are only ever inserted into. They are frozen when they are first
-- vacuumed, so that no later vacuum against wraparound reads them again; and vacuumed
-- at each twentieth of new rows, not at each fifth.
CREATE TABLE IF NOT EXISTS @schema@.pgaudit_log_event_default
    PARTITION OF @schema@.pgaudit_log_event DEFAULT
    WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0.05);

COMMENT ON TABLE @schema@.pgaudit_log_event IS 'Every change of every tracked table: append-only, one row an event.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.id IS 'Order of capture.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.created_at IS 'Start of the transaction that made the change.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.txid IS 'The transaction that made the change.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.turn IS 'When the statement began, in the numbers of id, where triggers may write again before it is captured; else null.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.shape IS 'What the names in the event meant when it was written: see pgaudit_log_shape; 0 where that is not known.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.model IS 'Label of the tracked model, such as shop.Order.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.obj_pk IS 'Primary key of the row as text; a composite key as a JSON array.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.label IS 'Label of the tracker that wrote the event.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.operation IS 'I insert, U update, D delete, T truncate, M manual, B baseline.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.snapshot IS 'The tracked columns of the row, keyed by column.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.diff IS 'What an update changed: {"column": [old, new]}.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.refs IS 'What the row''s foreign keys pointed at: {shop.Customer:5}. An update of the key adds {moved shop.Order, was shop.Order:7}.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.context_id IS 'One per context, so that its events can be found together.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.context IS 'Who and why, as the client claims; null where it claimed nothing.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.role IS 'The role that had logged in, as PostgreSQL observed it.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.session IS 'What else PostgreSQL observed: {"set_role", "application", "address"}; the last two where no context was claimed.';
COMMENT ON COLUMN @schema@.pgaudit_log_event.origin IS 'Where an imported event came from; null for what was captured here.';

-- One object's events in order. Each entry ends with the number of its event, so there
-- are no duplicates that PostgreSQL could store once; it need not look for them.
CREATE INDEX IF NOT EXISTS pgaudit_log_event_object
    ON @schema@.pgaudit_log_event (model, obj_pk, id) WITH (deduplicate_items = off);

-- One user's events in order.
CREATE INDEX IF NOT EXISTS pgaudit_log_event_user
    ON @schema@.pgaudit_log_event ((context ->> 'user'), id) WITH (deduplicate_items = off);

-- The events that somebody else made in one user's place, in order. Few have any.
CREATE INDEX IF NOT EXISTS pgaudit_log_event_on_behalf_of
    ON @schema@.pgaudit_log_event ((context ->> 'on_behalf_of'), id) WITH (deduplicate_items = off)
    WHERE (context ->> 'on_behalf_of') IS NOT NULL;

-- The events of a time, a transaction or a context: small, because all three
-- grow with the table. Autovacuum sums each range up once it is full; what is not
-- summed up would be read by each question.
CREATE INDEX IF NOT EXISTS pgaudit_log_event_brin
    ON @schema@.pgaudit_log_event USING brin (created_at, txid, context_id) WITH (autosummarize = on);
