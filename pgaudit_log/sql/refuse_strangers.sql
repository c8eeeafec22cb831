-- pgaudit_log_refuse_strangers(catalog, object, what): raises if what was bound into a function or
-- trigger belongs to a stranger: a role that is no superuser, not the one that installs, not the
-- owner of the event table, and no extension. Whoever may create in a schema of the path can make an operator or a function that
-- fits better than PostgreSQL's own; bound into a condition, it would run with every write.
--   catalog, object   what pg_depend calls the thing that was made
--   what              what the message calls it
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_refuse_strangers(catalog oid, object oid, what text)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    stranger record;
BEGIN
    SELECT pg_describe_object(bound.refclassid, bound.refobjid, 0) AS name, pg_get_userbyid(bound.owner) AS owner
    INTO stranger
    FROM (
        SELECT refclassid, refobjid, COALESCE(proowner, oprowner, typowner, collowner) AS owner
        FROM pg_depend
        LEFT JOIN pg_proc ON refclassid = 'pg_proc'::regclass AND pg_proc.oid = refobjid
        LEFT JOIN pg_operator ON refclassid = 'pg_operator'::regclass AND pg_operator.oid = refobjid
        LEFT JOIN pg_type ON refclassid = 'pg_type'::regclass AND pg_type.oid = refobjid
        LEFT JOIN pg_collation ON refclassid = 'pg_collation'::regclass AND pg_collation.oid = refobjid
        WHERE classid = catalog AND objid = object
    ) AS bound
    JOIN pg_roles ON pg_roles.oid = bound.owner
    WHERE NOT rolsuper
        AND rolname <> current_user
        AND bound.owner <> (SELECT relowner FROM pg_class WHERE oid = '@schema@.pgaudit_log_event'::regclass)
        AND NOT EXISTS (
            SELECT FROM pg_depend AS member
            WHERE member.classid = bound.refclassid AND member.objid = bound.refobjid
                AND member.refclassid = 'pg_extension'::regclass AND member.deptype = 'e'
        )
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'pgaudit_log: % would call %, which belongs to the role %', what, stranger.name, stranger.owner
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Drop it, or give it to the role that migrates if it is meant.';
    END IF;
END;
$pgaudit_log$;
