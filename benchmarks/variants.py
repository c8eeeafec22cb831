"""The variants: in which ways the same model is tracked, each in a process and database of its own."""

from __future__ import annotations

from dataclasses import dataclass

NO_BULK = frozenset({"bulk_create", "update"})
PGHISTORY_TABLES = ("shop_orderevent", "pghistory_context")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to track the model, or not to."""

    name: str
    title: str
    apps: tuple[str, ...] = ()
    """What it adds to INSTALLED_APPS."""
    tables: tuple[str, ...] = ()
    """Where its events are: the table with one row an event first, then those of contexts."""
    misses: frozenset[str] = frozenset()
    """The tasks of bulk writes that leave no events, by whatever helper it offers."""
    quadratic: bool = False
    """Whether bulk updates after single ones take quadratic time, so that few are measured."""
    admin: bool = False
    """Whether the worker has Django's admin, with what that needs."""
    in_python: bool = False
    """Whether each event is made in Python: bulk work is then measured on a tenth of the rows."""


UNTRACKED = Variant(name="untracked", title="no tracking")
EMPTY_TRIGGER = Variant(name="empty_trigger", title="empty trigger")
PGHISTORY = Variant(
    name="pghistory",
    title="django-pghistory, default",
    apps=("pgtrigger", "pghistory"),
    tables=PGHISTORY_TABLES,
)
PGHISTORY_STATEMENT = Variant(
    name="pghistory_statement",
    title="django-pghistory, statement level",
    apps=("pgtrigger", "pghistory"),
    tables=PGHISTORY_TABLES,
    quadratic=True,
)
PGHISTORY_DENORMALIZED = Variant(
    name="pghistory_denormalized",
    title="django-pghistory, statement level, denormalised context",
    apps=("pgtrigger", "pghistory"),
    tables=("shop_orderevent",),
    quadratic=True,
)
AUDITLOG = Variant(
    name="auditlog",
    title="django-auditlog",
    apps=("auditlog",),
    tables=("auditlog_logentry",),
    misses=NO_BULK,
    in_python=True,
)
SIMPLE_HISTORY = Variant(
    name="simple_history",
    title="django-simple-history",
    apps=("simple_history",),
    tables=("shop_historicalorder",),
    in_python=True,
)
REVERSION = Variant(
    name="reversion",
    title="django-reversion",
    apps=("reversion",),
    tables=("reversion_version", "reversion_revision"),
    misses=NO_BULK | {"delete"},
    in_python=True,
)
EASY_AUDIT = Variant(
    name="easy_audit",
    title="django-easy-audit",
    apps=("easyaudit",),
    tables=("easyaudit_crudevent",),
    misses=NO_BULK,
    in_python=True,
)
OURS = Variant(
    name="pgaudit_log",
    title="django-pgaudit-log, default (statement level)",
    apps=("pgtrigger", "pgaudit_log"),
    tables=("pgaudit_log_event",),
)
OURS_ROW = Variant(
    name="pgaudit_log_row",
    title="django-pgaudit-log, row level",
    apps=("pgtrigger", "pgaudit_log"),
    tables=("pgaudit_log_event",),
)
READING = Variant(
    name="reading",
    title="django-pgaudit-log, 20 models",
    apps=("pgtrigger", "pgaudit_log", "benchmarks.archive"),
    tables=("pgaudit_log_event",),
)
DOCUMENTS = Variant(
    name="documents",
    title="django-pgaudit-log, large values",
    apps=("pgtrigger", "pgaudit_log", "benchmarks.documents"),
    tables=("pgaudit_log_event",),
)
COMPANY = "benchmarks.company"
ADMIN = Variant(
    name="admin",
    title="django-pgaudit-log",
    apps=("pgtrigger", "pgaudit_log", COMPANY),
    admin=True,
)
ADMIN_AUDITLOG = Variant(
    name="admin_auditlog", title="django-auditlog", apps=("auditlog", COMPANY), admin=True
)
ADMIN_EASY_AUDIT = Variant(
    name="admin_easy_audit", title="django-easy-audit", apps=("easyaudit", COMPANY), admin=True
)

WRITING: tuple[Variant, ...] = (
    UNTRACKED,
    EMPTY_TRIGGER,
    PGHISTORY,
    PGHISTORY_STATEMENT,
    PGHISTORY_DENORMALIZED,
    AUDITLOG,
    SIMPLE_HISTORY,
    REVERSION,
    EASY_AUDIT,
    OURS,
    OURS_ROW,
)

SCREENS = (ADMIN, ADMIN_AUDITLOG, ADMIN_EASY_AUDIT)

BY_NAME = {variant.name: variant for variant in (*WRITING, READING, DOCUMENTS, *SCREENS)}
