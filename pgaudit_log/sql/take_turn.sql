-- pgaudit_log_take_turn(): the trigger that takes a number before a statement writes to a tracked
-- table that has triggers of others, too: they may write to it again before the statement is
-- captured, and would be captured first. The number is one of those that ids are taken from.
-- It is kept until the transaction ends, by the depth of triggers at which the statement will be
-- captured, the table and the operation, where pgaudit_log_turn() finds it.
-- Writes pgaudit_log.turns and pgaudit_log.turn_<depth>_<table>_<operation>.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_take_turn()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    depth integer := pg_trigger_depth();
    callers text;
BEGIN
    IF depth > 1 THEN
        -- The action of a foreign key leaves its AFTER triggers to the statement that fired it.
        GET DIAGNOSTICS callers = PG_CONTEXT;
        IF split_part(callers, E'\n', 2) ~ ' WHERE \$[0-9]+ OPERATOR\(' THEN
            depth := depth - 1;
        END IF;
    END IF;
    PERFORM
        set_config('pgaudit_log.turns', 'taken', true),
        set_config(
            concat_ws(
                '_',
                'pgaudit_log.turn',
                depth,
                COALESCE(pg_partition_root(TG_RELID), TG_RELID)::oid,
                lower(TG_OP)
            ),
            nextval('@schema@.pgaudit_log_event_id_seq')::text,
            true
        );
    RETURN NULL;
END;
$pgaudit_log$;

REVOKE ALL ON FUNCTION @schema@.pgaudit_log_take_turn() FROM PUBLIC;

-- pgaudit_log_turn(relation, operation): the number that was taken before the statement that is
-- being captured began; null where none was. Only a capture function can ask, which the trigger's
-- depth is of. What a client has written there instead is no number, or only sorts its own transaction.
-- Reads pgaudit_log.turn_<depth>_<table>_<operation>.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_turn(relation oid, operation text)
RETURNS bigint
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    root oid := pg_partition_root(relation)::oid;
    place text := concat_ws(
        '_', 'pgaudit_log.turn', pg_trigger_depth(), COALESCE(root, relation), ''
    );
    turn text := current_setting(place || lower(operation), true);
    taken bigint := CASE WHEN turn ~ '^[0-9]{1,18}$' THEN turn::bigint END;
BEGIN
    IF root <> relation THEN
        -- At row level, a row that an update moves to another partition is deleted and inserted.
        turn := current_setting(place || 'update', true);
        taken := GREATEST(taken, CASE WHEN turn ~ '^[0-9]{1,18}$' THEN turn::bigint END);
    END IF;
    RETURN taken;
END;
$pgaudit_log$;
