-- Names mean again what they do to the session.
DO $pgaudit_log$
BEGIN
    PERFORM set_config('search_path', current_setting('pgaudit_log.path'), true);
END;
$pgaudit_log$;
