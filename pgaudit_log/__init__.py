"""Who changed what, when, why, and can we have it back?

These are the names that models are declared with; all of them can be imported before
Django's apps are ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pgtrigger import Delete, Insert, Row, Statement, Truncate, Update

from pgaudit_log.constants import NEW, OLD
from pgaudit_log.contexts.stack import context
from pgaudit_log.declaring import ported_options
from pgaudit_log.declaring.abstract_bases import untrack
from pgaudit_log.declaring.conditions import (
    AllChange,
    AllDontChange,
    AnyChange,
    AnyDontChange,
    Condition,
    F,
    Q,
)
from pgaudit_log.declaring.declarations import ObjForeignKey
from pgaudit_log.declaring.trackers import (
    AfterInsert,
    BeforeDelete,
    DeleteEvent,
    InsertEvent,
    ManualEvent,
    RowEvent,
    Tracker,
    TruncateEvent,
    UpdateEvent,
)
from pgaudit_log.exceptions import (
    ContextError,
    DeclarationError,
    PgauditLogError,
    PlanError,
    QueryError,
    ReadOnlyError,
    StalePlanError,
    UnknownPastError,
)
from pgaudit_log.many_models import track_models
from pgaudit_log.reading.managers import EventsOf, TimelineMethod, TrackedManager, TrackedQuerySet
from pgaudit_log.reading.proxy_fields import ProxyField
from pgaudit_log.tracking import track

if TYPE_CHECKING:
    from django.db import models

    from pgaudit_log.reading.event_model import Event

__version__ = "0.1.0"

New: Final = NEW
"""For `row=`: the snapshot is of the row as the statement left it."""

Old: Final = OLD
"""For `row=`: the snapshot is of the row as the statement found it."""

__all__ = [
    "AfterInsert",
    "AllChange",
    "AllDontChange",
    "AnyChange",
    "AnyDontChange",
    "BeforeDelete",
    "Condition",
    "ContextError",
    "DeclarationError",
    "Delete",
    "DeleteEvent",
    "EventsOf",
    "F",
    "Insert",
    "InsertEvent",
    "ManualEvent",
    "New",
    "ObjForeignKey",
    "Old",
    "PgauditLogError",
    "PlanError",
    "ProxyField",
    "Q",
    "QueryError",
    "ReadOnlyError",
    "Row",
    "RowEvent",
    "StalePlanError",
    "Statement",
    "TimelineMethod",
    "TrackedManager",
    "TrackedQuerySet",
    "Tracker",
    "Truncate",
    "TruncateEvent",
    "UnknownPastError",
    "Update",
    "UpdateEvent",
    "context",
    "create_event",
    "track",
    "track_models",
    "untrack",
]


def __getattr__(name: str) -> Any:
    """Say what to do where ported code asks for a name of django-pghistory that is not here."""
    if name in ported_options.NAMES:
        raise DeclarationError(
            f"pgaudit_log has no {name}, as django-pghistory has. {ported_options.NAMES[name]}"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def create_event(obj: models.Model, *, label: str, using: str | None = None) -> Event:
    """Write an event of ``obj`` by hand and return it; see ``backfill.manual_events``."""
    from pgaudit_log.backfill import manual_events

    return manual_events.create_event(obj, label=label, using=using)
