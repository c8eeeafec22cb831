-- pgaudit_log_snapshot(value): a row as the capture functions render it, whatever
-- the session's own settings are. For events that Python writes (create_event).
-- Pins what to_jsonb() reads: TimeZone, DateStyle, bytea_output, IntervalStyle, extra_float_digits.
CREATE OR REPLACE FUNCTION @schema@.pgaudit_log_snapshot(value record)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET "TimeZone" = 'UTC'
SET "DateStyle" = 'ISO, YMD'
SET bytea_output = 'hex'
SET "IntervalStyle" = 'iso_8601'
SET extra_float_digits = 1
AS $pgaudit_log$
BEGIN
    RETURN to_jsonb(value);
END;
$pgaudit_log$;
