-- pgaudit_log_declared_label: the labels that a project declares, by what events call the model. A role
-- that may not write events may write manual ones with these labels only: see
-- pgaudit_log_write_manual(). `migrate` and `install` keep it as the project is.
CREATE TABLE IF NOT EXISTS @schema@.pgaudit_log_declared_label (
    model text NOT NULL,
    label text NOT NULL,
    PRIMARY KEY (model, label)
);

COMMENT ON TABLE @schema@.pgaudit_log_declared_label IS 'The labels that manual events may have, by model.';

GRANT SELECT ON @schema@.pgaudit_log_declared_label TO PUBLIC;
