-- pgaudit_log_granted_role: the roles that a database was hardened for. With a row, `migrate` and
-- `install` give new tables and partitions to the owner of the event table, and these roles what they
-- may do with them; and checks tell what differs.
CREATE TABLE IF NOT EXISTS @schema@.pgaudit_log_granted_role (
    name text NOT NULL PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('app', 'reader'))
);

COMMENT ON TABLE @schema@.pgaudit_log_granted_role IS 'The roles that this database was hardened for.';
COMMENT ON COLUMN @schema@.pgaudit_log_granted_role.kind IS 'app writes the tables of the project, reader reads events; neither may write events.';

GRANT SELECT ON @schema@.pgaudit_log_granted_role TO PUBLIC;
