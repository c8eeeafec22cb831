-- pgaudit_log_write_manual(model, obj_pk, label, shape, snapshot, refs, is_by_clock, masked_context): writes one
-- manual event and returns its id.
-- It runs as the owner of the event table, so that a role which may not write events can still note
-- what no trigger sees. Of such a role it takes declared labels only, and shapes of the table that
-- the model's label means; the operation, the time, the transaction, the role and the context are not
-- its to say. What the event says of its object is what the caller claims.
--   is_by_clock     whether the event is of now, and not of the start of the transaction
--   masked_context  what is hidden of its context: see pgaudit_log_masked_context()
-- Reads the context of the statement, and role.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_write_manual(
    model text,
    obj_pk text,
    label text,
    shape integer,
    snapshot jsonb,
    refs text[],
    is_by_clock boolean,
    masked_context text[] DEFAULT '{}'::text[]
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
#variable_conflict use_column
<<manual>>
DECLARE
    written bigint;
BEGIN
    IF NOT @schema@.pgaudit_log_may_write() THEN
        PERFORM
        FROM @schema@.pgaudit_log_declared_label AS declared
        WHERE declared.model = pgaudit_log_write_manual.model
            AND declared.label = pgaudit_log_write_manual.label;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'pgaudit_log: the role % may not write an event "%" of %', session_user,
                pgaudit_log_write_manual.label, pgaudit_log_write_manual.model
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Only labels that the project declares. If this is one, run migrate or'
                      || ' manage.py pgaudit_log install, as the owner of the event table.';
        END IF;
        IF pgaudit_log_write_manual.shape <> 0 THEN
            PERFORM
            FROM @schema@.pgaudit_log_label AS called
            JOIN @schema@.pgaudit_log_shape AS own ON own.table_id = called.table_id
            WHERE called.label = pgaudit_log_write_manual.model
                AND own.id = pgaudit_log_write_manual.shape;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'pgaudit_log: % has not had the shape %',
                    pgaudit_log_write_manual.model, pgaudit_log_write_manual.shape
                USING ERRCODE = 'insufficient_privilege';
            END IF;
        END IF;
        IF jsonb_typeof(pgaudit_log_write_manual.snapshot) IS DISTINCT FROM 'object' THEN
            RAISE EXCEPTION 'pgaudit_log: the snapshot of an event is a JSON object'
            USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF array_ndims(pgaudit_log_write_manual.refs) > 1
            OR array_position(pgaudit_log_write_manual.refs, NULL) IS NOT NULL
        THEN
            RAISE EXCEPTION 'pgaudit_log: the references of an event are a list of texts'
            USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END IF;

    INSERT INTO @schema@.pgaudit_log_event (
        model, obj_pk, label, operation, shape, snapshot, refs, context_id, context, role, session, created_at
    )
    SELECT
        pgaudit_log_write_manual.model,
        pgaudit_log_write_manual.obj_pk,
        pgaudit_log_write_manual.label,
        'M',
        pgaudit_log_write_manual.shape,
        pgaudit_log_write_manual.snapshot,
        pgaudit_log_write_manual.refs,
        context.id,
        CASE WHEN masked_context = '{}'
            THEN context.value
            ELSE @schema@.pgaudit_log_masked_context(context.value, masked_context)
        END,
        session_user,
        context.session,
        CASE WHEN pgaudit_log_write_manual.is_by_clock THEN clock_timestamp() ELSE now() END
    FROM @schema@.pgaudit_log_context() AS context
    RETURNING pgaudit_log_event.id INTO manual.written;
    RETURN manual.written;
END;
$pgaudit_log$;
