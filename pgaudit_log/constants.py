"""Names that Python and SQL share."""

from __future__ import annotations

from typing import Final, Literal

APP_LABEL: Final = "pgaudit_log"

DOCS: Final = "https://django-pgaudit-log.readthedocs.io/"
"""Where the documentation is."""

EVENT_TABLE: Final = "pgaudit_log_event"
"""The one table that every trigger writes to. A constant, so that declaring never needs the models."""

SAVED_FILTER_TABLE: Final = "pgaudit_log_saved_filter"
"""The table of what people have saved in the admin; it is no part of the log."""

DEFAULT_PARTITION: Final = f"{EVENT_TABLE}_default"
"""The partition that takes what no other has room for."""

IMPORT_TABLES: Final = "pgaudit_log_import"
"""What the names of the tables begin with that are there while an import runs, or after it was killed."""

COPIES_SCHEMA: Final = "pgaudit_log_copied"
"""The schema of what an import has copied from another database, as long."""

MAINTENANCE: Final = "pgaudit_log.Maintenance"
"""What events call that which operators do to the log."""

ACCESS: Final = "pgaudit_log.Access"
"""What events call logins, logouts and page views."""

OWN_MODELS: Final = (ACCESS, MAINTENANCE)
"""What events call that which is in no table."""

CONTEXT_MARKER: Final = "/*pgaudit_log:"
"""What a statement starts with when it carries a context; ``sql/context.sql`` reads it."""

CONTEXT_SETTING: Final = "pgaudit_log.context"
"""The PostgreSQL setting in which programs without the cursor class say who they are."""

RUNNING_SETTING: Final = "pgaudit_log.running"
"""The setting in which the cursor class carries a context, local to a transaction."""

CONTEXT_MAX_BYTES: Final = 64 * 1024
"""How long a context may be as JSON. It travels with every statement, so it should be short."""

LATE_MAX_BYTES: Final = 8 * 1024
"""How much of that is kept free in a request, for who acts, which is known only later."""

CONTEXT_MAX_DEPTH: Final = 500
"""How deeply a context may be nested; PostgreSQL's own limit depends on its stack."""

NUMBER_MAX_DIGITS: Final = 1000
"""How many digits a number in a context may have; of many more, Python reads none."""

LOWEST_ID: Final = -(2**63)
"""The lowest id that an event can have: what is older than the log has ids below 0."""

JSON_KEY: Final = "pgaudit_log.json"
"""The key of the object in which stands what would else be taken for something else: a JSON
``null``, so that SQL ``NULL`` stays ``null``, and an object with one of :data:`MARKERS`."""

MASKED_KEY: Final = "pgaudit_log.masked"
"""The key of the object that stands for a value which was not to be stored. What it holds differs
where the values did, so that a change can be seen."""

ERASED_KEY: Final = "pgaudit_log.erased"
"""The key of the object that stands for a value which was stored, and erased later."""

AT_KEY: Final = "pgaudit_log.at"
"""The key of the object that stands for a large value: which event has the value itself."""

MARKERS: Final = (
    JSON_KEY,
    MASKED_KEY,
    ERASED_KEY,
    AT_KEY,
    "pgaudit_log.marker",  # reserved: what comes later, as a key of the object in it
)
"""The keys of objects that stand for a value and are none. No value of a user's has one of them: such
a value is stored in an object with :data:`JSON_KEY`. Capture functions hold the list, so it is final."""

INSERT: Final = "I"
UPDATE: Final = "U"
DELETE: Final = "D"
TRUNCATE: Final = "T"
MANUAL: Final = "M"
BASELINE: Final = "B"

OPERATIONS: Final = {
    INSERT: "insert",
    UPDATE: "update",
    DELETE: "delete",
    TRUNCATE: "truncate",
    MANUAL: "manual",
    BASELINE: "baseline",
}
"""What the one letter in the event table's ``operation`` stands for."""

OF_ROWS: Final = (INSERT, UPDATE, DELETE, BASELINE)
"""The operations whose events say how a row is; a manual one says what an instance held."""

BASELINE_LABEL: Final = "baseline"
"""The label of baseline events, or what it starts with; see ``declarations.baseline_label``."""

RowName = Literal["OLD", "NEW"]
"""The two rows that a trigger sees."""

OperationName = Literal["INSERT", "UPDATE", "DELETE", "TRUNCATE"]
"""What a trigger fires at, as PostgreSQL calls it."""

OLD: Final = "OLD"
"""The row as it was before the statement."""

NEW: Final = "NEW"
"""The row as it is after the statement."""
