"""Roles: which of them own the log, write the project's tables, and read events."""

from __future__ import annotations

from collections.abc import Iterable

from pgaudit_log.database import event_table, hardening
from pgaudit_log.exceptions import QueryError


def plan_hardening(
    *,
    owner: str | None = None,
    app: str | Iterable[str] = (),
    reader: str | Iterable[str] = (),
    using: str = "default",
) -> hardening.Plan:
    """Return what has to be done so that the application can neither forge nor erase events.

    The plan has ``steps``, each with its ``statement`` and its ``reason``, ``obstacles``, and
    ``apply()``. Nothing is written until that. Applied once, it has no steps any more.

    Args:
        owner: the role that shall own the log and the tables of the project; it cannot log in. By
            default the one that does since the database was hardened.
        app: the role, or roles, of the application, beside those that are known.
        reader: the role, or roles, that may only read events, beside those that are known.
        using: the database.

    Raises:
        PlanError: when a role does not exist, or none is given and none known.
        QueryError: when the database has no event table.
    """
    if not event_table.is_wanted(using) or not event_table.has_event_table(using):
        raise QueryError(f'The database "{using}" has no event table. Run migrate on it first.')
    return hardening.plan(using, owner=owner, app=app, reader=reader)
