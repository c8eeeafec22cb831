-- pgaudit_log_take_turn(): the trigger that takes a number before a statement writes to a tracked
-- table that has AFTER triggers of others, too: they may write to it again before the statement is
-- captured, and would be captured first. The number is one of those that ids are taken from.
-- It is kept until the transaction ends, by the depth of triggers and the table, where
-- pgaudit_log_turn() finds it.
-- Writes pgaudit_log.turns and pgaudit_log.turn_<depth>_<table>.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_take_turn()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
BEGIN
    PERFORM
        set_config('pgaudit_log.turns', 'taken', true),
        set_config(
            'pgaudit_log.turn_' || pg_trigger_depth() || '_' || COALESCE(pg_partition_root(TG_RELID), TG_RELID)::oid,
            nextval('@schema@.pgaudit_log_event_id_seq')::text,
            true
        );
    RETURN NULL;
END;
$pgaudit_log$;

REVOKE ALL ON FUNCTION @schema@.pgaudit_log_take_turn() FROM PUBLIC;

-- pgaudit_log_turn(relation): the number that was taken before the statement that is being captured
-- began; null where none was. Only a capture function can ask, which the trigger's depth is of.
-- What a client has written there instead is no number, or only sorts its own transaction.
-- Reads pgaudit_log.turn_<depth>_<table>.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_turn(relation oid)
RETURNS bigint
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    turn text := current_setting(
        'pgaudit_log.turn_' || pg_trigger_depth() || '_' || COALESCE(pg_partition_root(relation), relation)::oid,
        true
    );
BEGIN
    IF turn ~ '^[0-9]{1,18}$' THEN
        RETURN turn::bigint;
    END IF;
    RETURN NULL;
END;
$pgaudit_log$;
