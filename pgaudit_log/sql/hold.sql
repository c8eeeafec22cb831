-- pgaudit_log_hold: the events that must stay, whatever a retention says: those of an object, of a
-- model, of a user, of a time, or of what is all that a hold names. One that is released stays here.
CREATE TABLE IF NOT EXISTS @schema@.pgaudit_log_hold (
    number         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model          text,
    obj_pk         text        COLLATE "C",
    user_id        text,
    since          timestamptz,
    until          timestamptz,
    reason         text        NOT NULL,
    placed_by      text        NOT NULL DEFAULT session_user,
    placed_at      timestamptz NOT NULL DEFAULT now(),
    released_by    text,
    released_at    timestamptz,
    release_reason text
);

COMMENT ON TABLE @schema@.pgaudit_log_hold IS 'The events that must stay, whatever a retention says.';
COMMENT ON COLUMN @schema@.pgaudit_log_hold.model IS 'What events call the model; null for all.';
COMMENT ON COLUMN @schema@.pgaudit_log_hold.obj_pk IS 'The key of the object, under each key that it has had; null for all objects.';
COMMENT ON COLUMN @schema@.pgaudit_log_hold.user_id IS 'The user in the context, who acted or in whose place another one did; null for all.';
COMMENT ON COLUMN @schema@.pgaudit_log_hold.since IS 'The first moment of events that are held; null for no bound.';
COMMENT ON COLUMN @schema@.pgaudit_log_hold.until IS 'The moment before which those are that are held; null for no bound.';
COMMENT ON COLUMN @schema@.pgaudit_log_hold.placed_by IS 'Who placed it.';
COMMENT ON COLUMN @schema@.pgaudit_log_hold.released_at IS 'When it ended; null while it holds.';
