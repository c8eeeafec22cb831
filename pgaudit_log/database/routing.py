"""Routing: whether each database that gets triggers also gets the event table that they write to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.core import checks
from django.db import connections, router

from pgaudit_log.constants import APP_LABEL, EVENT_TABLE
from pgaudit_log.database import installed_captures
from pgaudit_log.database.event_table import has_event_table, is_wanted
from pgaudit_log.exceptions import InstallationError
from pgaudit_log.values.tables import concrete


class Misplaced(NamedTuple):
    """A database whose tracked tables would have triggers, but no event table beside them."""

    using: str
    labels: list[str]
    """The tracked models that the routers let into it."""
    is_written: bool
    """Whether the routers send writes of one of them there."""

    def __str__(self) -> str:
        return (
            f"The routers let the tracked {', '.join(self.labels)} into the database"
            f' "{self.using}", but not the app "{APP_LABEL}". Their triggers would write to a table'
            f" {EVENT_TABLE} that is not there, and every write of theirs would fail."
        )


HINT = (
    f'Let allow_migrate() of the routers return the same for "{APP_LABEL}" in this database as for'
    f" the tracked models. Then run migrate, or manage.py {APP_LABEL} install."
)


def misplaced(using: str) -> Misplaced | None:
    """Return what the routers keep apart that belongs into one database; ``None`` if all is well."""
    if connections[using].vendor != "postgresql" or is_wanted(using):
        return None
    found = {
        concrete(model)
        for model, trigger in installed_captures.declared()
        if trigger.allow_migrate(model, database=using)
    }
    if not found:
        return None
    return Misplaced(
        using,
        sorted(model._meta.label for model in found),
        any(router.db_for_write(model) == using for model in found),
    )


def refuse_misplaced(using: str) -> None:
    """Raise where triggers would be installed without an event table to write to.

    Where a schema for each tenant finds the table of a shared one, they would have that: a check
    tells of events of several tenants in one table.

    Raises:
        InstallationError: names the models, and says what to change.
    """
    if (found := misplaced(using)) and not has_event_table(using):
        raise InstallationError(f"{found} {HINT}")


def check_routers(app_configs: object, **kwargs: object) -> list[checks.CheckMessage]:
    """Return a message for each database with tracked models whose events would have no place."""
    return list(_messages())


def _messages() -> Iterator[checks.CheckMessage]:
    for alias in connections:
        # What mirrors another database in tests is its replica: nobody writes or migrates there.
        if connections[alias].settings_dict["TEST"]["MIRROR"]:
            continue
        if (found := misplaced(alias)) is None:
            continue
        if found.is_written:
            yield checks.Error(str(found), hint=HINT, obj=APP_LABEL, id="pgaudit_log.E008")
        else:
            yield checks.Warning(
                str(found),
                hint=f"{HINT} If nobody migrates or writes there, let it return False for the models.",
                obj=APP_LABEL,
                id="pgaudit_log.W018",
            )
