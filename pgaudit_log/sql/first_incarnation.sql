-- Begins the first incarnation; where events are there already, it mends their numbers.
SELECT @schema@.pgaudit_log_renew_numbers();
