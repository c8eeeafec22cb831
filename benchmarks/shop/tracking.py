"""Tracking in the way of the variant that this process runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.db import models

from benchmarks import variants

M = TypeVar("M", bound=type[models.Model])


def tracked(model: M) -> M:
    """Decorate a model as the variant does it: inserts, updates and deletes, all fields."""
    decorator = _DECORATORS.get(settings.VARIANT)
    return model if decorator is None else decorator()(model)


def _pghistory(statement_level: bool = False, denormalized: bool = False) -> Any:
    import pghistory

    options: dict[str, Any] = {}
    if statement_level:
        options["level"] = pghistory.Statement
    if denormalized:
        options["context_field"] = pghistory.ContextJSONField()
    # Its default has no deletes.
    trackers = (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
    return pghistory.track(*trackers, **options)


def _auditlog() -> Any:
    from auditlog.registry import auditlog

    return auditlog.register()


def _simple_history() -> Any:
    from simple_history import register

    def decorate(model: Any) -> Any:
        register(model)
        return model

    return decorate


def _reversion() -> Any:
    import reversion

    return reversion.register()


def _pgaudit_log(row_level: bool = False) -> Any:
    import pgaudit_log

    return pgaudit_log.track(level=pgaudit_log.Row if row_level else None)


_DECORATORS: dict[variants.Variant, Callable[[], Any]] = {
    variants.PGHISTORY: _pghistory,
    variants.PGHISTORY_STATEMENT: lambda: _pghistory(statement_level=True),
    variants.PGHISTORY_DENORMALIZED: lambda: _pghistory(statement_level=True, denormalized=True),
    variants.AUDITLOG: _auditlog,
    variants.SIMPLE_HISTORY: _simple_history,
    variants.REVERSION: _reversion,
    variants.OURS: _pgaudit_log,
    variants.OURS_ROW: lambda: _pgaudit_log(row_level=True),
    variants.ADMIN: _pgaudit_log,
    variants.ADMIN_AUDITLOG: _auditlog,
}
