-- mask_events: what an event is, without the values of columns that are masked now.
--   @rule@   what is done to event, or NULL where it stays as it is:
--            shape    the shape that it gets: the same names, with the columns masked
--            masks    the keys that are masked, with whether a hash is wanted: {"email": false}
--            hidden   the labels that refs have in front of what masked foreign keys point at
--            others   the other foreign keys, what they point at stays: [{"label": "…", "key": "…"}]
-- Reads no settings.
SELECT
    CASE WHEN given.rule IS NULL THEN event.shape ELSE (given.rule ->> 'shape')::integer END AS shape,
    CASE WHEN given.rule IS NULL THEN event.snapshot ELSE event.snapshot || COALESCE((
        SELECT jsonb_object_agg(masked.key, hidden.value)
        FROM jsonb_each(given.rule -> 'masks') AS masked (key, is_hashed)
        CROSS JOIN LATERAL (SELECT event.snapshot -> masked.key AS value) AS stored
        CROSS JOIN LATERAL (
            SELECT pgaudit_log_resolved(jsonb_build_object('value', stored.value)) -> 'value' AS value
        ) AS whole
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN stored.value -> 'pgaudit_log.masked' IS NOT NULL
                    OR stored.value -> 'pgaudit_log.erased' IS NOT NULL
                    THEN stored.value
                -- What it refers to, in an older partition, may have been masked already.
                WHEN whole.value -> 'pgaudit_log.masked' IS NOT NULL
                    OR whole.value -> 'pgaudit_log.erased' IS NOT NULL
                    THEN whole.value
                WHEN masked.is_hashed::boolean AND whole.value IS NOT NULL
                    THEN pgaudit_log_hashed((given.rule ->> 'shape')::integer, masked.key, whole.value)
                ELSE '{"pgaudit_log.masked": true}'
            END AS value
        ) AS hidden
        WHERE stored.value IS NOT NULL
    ), '{}') END AS snapshot,
    CASE WHEN given.rule IS NULL THEN event.diff ELSE event.diff || COALESCE((
        SELECT jsonb_object_agg(masked.key, (
            SELECT jsonb_agg(
                CASE
                    WHEN side.value -> 'pgaudit_log.masked' IS NOT NULL
                        OR side.value -> 'pgaudit_log.erased' IS NOT NULL
                        THEN side.value
                    WHEN masked.is_hashed::boolean
                        THEN pgaudit_log_hashed((given.rule ->> 'shape')::integer, masked.key, side.value)
                    ELSE '{"pgaudit_log.masked": true}'
                END
                ORDER BY side.position
            )
            FROM jsonb_array_elements(event.diff -> masked.key) WITH ORDINALITY AS side (value, position)
        ))
        FROM jsonb_each(given.rule -> 'masks') AS masked (key, is_hashed)
        WHERE event.diff -> masked.key IS NOT NULL
    ), '{}') END AS diff,
    CASE WHEN given.rule IS NULL OR given.rule -> 'hidden' = '[]' THEN event.refs ELSE NULLIF(ARRAY(
        SELECT reference.value
        FROM unnest(event.refs) WITH ORDINALITY AS reference (value, position)
        WHERE NOT EXISTS (
                SELECT
                FROM jsonb_array_elements_text(given.rule -> 'hidden') AS hidden (label)
                WHERE starts_with(reference.value, hidden.label || ':')
            )
            OR EXISTS (
                SELECT
                FROM jsonb_to_recordset(given.rule -> 'others') AS other (label text, key text)
                WHERE other.label || ':' || (event.snapshot ->> other.key) = reference.value
            )
        ORDER BY reference.position
    ), '{}') END AS refs
-- OFFSET, so that the rule is found once, and not wherever it is asked.
FROM (SELECT @rule@ AS rule OFFSET 0) AS given
