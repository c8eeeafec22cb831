-- A table that is filled to take the place of a partition, with all that this one has: indexes,
-- settings, tablespace, owner and privileges. It is attached when it is full.
CREATE TABLE {table} (LIKE {schema}.pgaudit_log_event INCLUDING ALL EXCLUDING IDENTITY);

CREATE TRIGGER pgaudit_log_refuse_truncate
    BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.pgaudit_log_refuse_change();

ALTER TABLE {table}
    ENABLE ALWAYS TRIGGER pgaudit_log_refuse_truncate;

DO $pgaudit_log$
DECLARE
    copied CONSTANT regclass := {like};
    made CONSTANT regclass := {literal};
    one record;
BEGIN
    SELECT
        array_to_string(own.reloptions, ', ') AS settings,
        (SELECT string_agg('toast.' || setting, ', ') FROM unnest(toast.reloptions) AS setting) AS toast_settings,
        spcname,
        own.relreplident
    INTO one
    FROM pg_class AS own
    LEFT JOIN pg_class AS toast ON toast.oid = own.reltoastrelid
    LEFT JOIN pg_tablespace ON pg_tablespace.oid = own.reltablespace
    WHERE own.oid = copied;
    IF concat_ws(', ', one.settings, one.toast_settings) <> '' THEN
        EXECUTE format('ALTER TABLE %s SET (%s)', made, concat_ws(', ', one.settings, one.toast_settings));
    END IF;
    IF one.spcname IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s SET TABLESPACE %I', made, one.spcname);
    END IF;
    IF one.relreplident IN ('f', 'n') THEN
        EXECUTE format(
            'ALTER TABLE %s REPLICA IDENTITY %s',
            made, CASE one.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END
        );
    END IF;

    -- Indexes that only the partition has.
    FOR one IN
        SELECT
            indisunique,
            split_part(
                pg_get_indexdef(indexrelid), format(' ON %I.%I USING ', nspname, own.relname), 2
            ) AS definition
        FROM pg_index
        JOIN pg_class AS own ON own.oid = indrelid
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {has_own_indexes}
            AND indrelid = copied
            AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = indexrelid)
    LOOP
        EXECUTE format(
            'CREATE %s INDEX ON %s USING %s',
            CASE WHEN one.indisunique THEN 'UNIQUE' END,
            made,
            one.definition
        );
    END LOOP;

    FOR one IN
        SELECT privilege_type, is_grantable, grantee, grantor
        FROM pg_class
        CROSS JOIN aclexplode(relacl)
        WHERE pg_class.oid = copied AND grantee <> relowner
    LOOP
        EXECUTE format(
            'GRANT %s ON %s TO %s%s',
            one.privilege_type,
            made,
            CASE WHEN one.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(one.grantee)) END,
            CASE WHEN one.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        );
    END LOOP;

    -- Last, because who is not the owner any more may do none of this.
    PERFORM
    FROM pg_class
    WHERE oid = made
        AND relowner <> (SELECT relowner FROM pg_class WHERE oid = '{schema}.pgaudit_log_event'::regclass);
    IF FOUND THEN
        EXECUTE format(
            'ALTER TABLE %s OWNER TO %I',
            made,
            (
                SELECT pg_get_userbyid(relowner)
                FROM pg_class
                WHERE oid = '{schema}.pgaudit_log_event'::regclass
            )
        );
    END IF;
END;
$pgaudit_log$;
