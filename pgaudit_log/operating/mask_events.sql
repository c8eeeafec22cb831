-- mask_events: takes the values of columns that are masked now out of the events of one shape.
--   @partition@         the partition whose events are rewritten
--   @belongs@           the test whether event is of the shape
--   @masked_shape@      the shape that they get: the same names, with the columns masked
--   @masks@             the keys that are masked, with whether a hash is wanted: {"email": false}
--   @hidden@            the labels that refs have in front of what masked foreign keys point at
--   @others@            the other foreign keys, what they point at stays: [{"label": "…", "key": "…"}]
-- Reads no settings.
UPDATE @partition@ AS event
SET
    shape = @masked_shape@::integer,
    snapshot = event.snapshot || COALESCE((
        SELECT jsonb_object_agg(masked.key, hidden.value)
        FROM jsonb_each(@masks@::jsonb) AS masked (key, is_hashed)
        CROSS JOIN LATERAL (SELECT event.snapshot -> masked.key AS value) AS stored
        CROSS JOIN LATERAL (
            SELECT pgaudit_log_resolved(jsonb_build_object('value', stored.value)) -> 'value' AS value
        ) AS whole
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN stored.value -> 'pgaudit_log.masked' IS NOT NULL
                    OR stored.value -> 'pgaudit_log.erased' IS NOT NULL
                    THEN stored.value
                WHEN masked.is_hashed::boolean AND whole.value IS NOT NULL
                    THEN pgaudit_log_hashed(@masked_shape@::integer, masked.key, whole.value)
                ELSE '{"pgaudit_log.masked": true}'
            END AS value
        ) AS hidden
        WHERE stored.value IS NOT NULL
    ), '{}'),
    diff = event.diff || COALESCE((
        SELECT jsonb_object_agg(masked.key, (
            SELECT jsonb_agg(
                CASE
                    WHEN side.value -> 'pgaudit_log.masked' IS NOT NULL
                        OR side.value -> 'pgaudit_log.erased' IS NOT NULL
                        THEN side.value
                    WHEN masked.is_hashed::boolean
                        THEN pgaudit_log_hashed(@masked_shape@::integer, masked.key, side.value)
                    ELSE '{"pgaudit_log.masked": true}'
                END
                ORDER BY side.position
            )
            FROM jsonb_array_elements(event.diff -> masked.key) WITH ORDINALITY AS side (value, position)
        ))
        FROM jsonb_each(@masks@::jsonb) AS masked (key, is_hashed)
        WHERE event.diff -> masked.key IS NOT NULL
    ), '{}'),
    refs = CASE WHEN @hidden@::text[] = '{}' THEN event.refs ELSE NULLIF(ARRAY(
        SELECT reference
        FROM unnest(event.refs) WITH ORDINALITY AS given (reference, position)
        WHERE NOT EXISTS (
                SELECT
                FROM unnest(@hidden@::text[]) AS label
                WHERE starts_with(given.reference, label || ':')
            )
            OR EXISTS (
                SELECT
                FROM jsonb_to_recordset(@others@::jsonb) AS other (label text, key text)
                WHERE other.label || ':' || (event.snapshot ->> other.key) = given.reference
            )
        ORDER BY position
    ), '{}') END
WHERE @belongs@
