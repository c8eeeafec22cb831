-- pgaudit_log_hashed(shape, name, value): what events have instead of a value of a masked column,
-- where equal values are to be told: {"pgaudit_log.masked": "1.3f…"}, the number of the key and the
-- HMAC-SHA256 of the value, as far as the first 128 bits. The same value in another column is hashed
-- to something else, and in the same column under another name to the same.
--   shape   of the event
--   name    what the column is called in it
--   value   as an event would have it; NULL is a value, too
-- It calls no function of the project's. Only the owner may call it: who can, may try out values.
-- Reads no settings.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_hashed(shape integer, name text, value jsonb)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $pgaudit_log$
DECLARE
    hash text;
BEGIN
    -- One statement, because each costs more than the two digests.
    SELECT
        key.id || '.' || left(
            encode(
                sha256(key.outer_block || sha256(key.inner_block || convert_to(
                    concat_ws(
                        ':',
                        own.table_id,
                        COALESCE(own.columns ->> pgaudit_log_hashed.name, pgaudit_log_hashed.name),
                        COALESCE(pgaudit_log_hashed.value::text, 'null')
                    ),
                    'UTF8'
                ))),
                'hex'
            ),
            32
        )
    INTO STRICT hash
    FROM @schema@.pgaudit_log_shape AS own
    CROSS JOIN (
        SELECT mask_key.id, mask_key.inner_block, mask_key.outer_block
        FROM @schema@.pgaudit_log_mask_key AS mask_key
        ORDER BY mask_key.id DESC
        LIMIT 1
    ) AS key
    WHERE own.id = pgaudit_log_hashed.shape;
    RETURN jsonb_build_object('pgaudit_log.masked', hash);
END;
$pgaudit_log$;

REVOKE ALL ON FUNCTION @schema@.pgaudit_log_hashed(integer, text, jsonb) FROM PUBLIC;
