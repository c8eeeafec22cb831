-- pgaudit_log_incarnation: the databases that the event table has lived in, one after the other.
-- A restored dump, or a promoted logical replica, counts its transactions anew, so that one could
-- have the number of another. What events have as txid is number * 2^48 + txid_current(): a
-- transaction of one incarnation is never taken for one of another. The number costs nothing when
-- events are written: it stands in the default of the column (renew.sql).
CREATE TABLE IF NOT EXISTS @schema@.pgaudit_log_incarnation (
    number     integer     NOT NULL PRIMARY KEY CHECK (number BETWEEN 0 AND 32767),
    database   text        NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE @schema@.pgaudit_log_incarnation IS 'The databases that pgaudit_log_event has lived in, one after the other.';
COMMENT ON COLUMN @schema@.pgaudit_log_incarnation.number IS 'What txid has in its upper 16 bits.';
COMMENT ON COLUMN @schema@.pgaudit_log_incarnation.database IS 'The cluster and the database: see pgaudit_log_database().';
