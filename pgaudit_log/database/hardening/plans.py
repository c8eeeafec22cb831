"""The plan of a hardening: its statements, what is in their way, and carrying them out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import DatabaseError, connections, transaction

from pgaudit_log.database import declared_labels, event_table, installed_captures, own_events
from pgaudit_log.database.hardening import default_privileges
from pgaudit_log.database.hardening.remembered import Hardened, hardened
from pgaudit_log.database.hardening.role_facts import (
    connection_obstacles,
    groups_of,
    role_obstacles,
    roles_of,
)
from pgaudit_log.database.hardening.steps import Step, remembering, steps
from pgaudit_log.database.hardening.things import things
from pgaudit_log.database.partitions.catalogue import LOCK_TIMEOUT
from pgaudit_log.exceptions import PlanError, StalePlanError
from pgaudit_log.values.pinned_settings import own_path

logger = logging.getLogger("pgaudit_log")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What makes the application unable to forge or erase events."""

    using: str
    roles: Hardened
    """The owner, and all roles that the database is hardened for."""
    steps: Sequence[Step]
    obstacles: Sequence[str]
    """What would make the privileges not count, each with what to do."""

    def apply(self) -> None:
        """Carry all statements out in one transaction, and leave an event of it.

        Raises:
            PlanError: when something is in the way, another operator is at work, or the database
                refuses; nothing was changed.
            StalePlanError: when the database is not as it was planned for.
        """
        _refuse(self.obstacles)
        if not self.steps:
            return
        with own_events.only_one(self.using):
            now = _plan(self.using, self.roles)
            _refuse(now.obstacles)
            if now.steps != self.steps:
                raise StalePlanError(
                    f'The owners or privileges of the database "{self.using}" have changed since this was'
                    " planned. Nothing was changed; make the plan again."
                )
            _carry_out(self)


def plan(
    using: str = "default",
    *,
    owner: str | None = None,
    app: str | Iterable[str] = (),
    reader: str | Iterable[str] = (),
) -> Plan:
    """Return what has to be done so that the application can neither forge nor erase events.

    Nothing is written until :meth:`Plan.apply`. Done once, it has no steps any more.

    Args:
        using: the database.
        owner: the role that shall own the log and the tables, and cannot log in; by default the one
            that owns them since the database was hardened.
        app: the role, or roles, of the application, beside those that are known.
        reader: the role, or roles, that may only read events, beside those that are known.

    Raises:
        PlanError: when a role does not exist, or no role is given and none known.
    """
    before = hardened(using)
    apps = [*_listed(app), *(before.apps if before else ())]
    owner = owner or (before.owner if before else None)
    if owner is None or not apps:
        raise PlanError(
            f'The database "{using}" is not hardened yet. Say which role shall own the log, --owner, and'
            " which is the application's, --app. Nothing was changed."
        )
    readers = [*_listed(reader), *(before.readers if before else ())]
    return _plan(
        using,
        Hardened(
            owner=owner,
            apps=tuple(sorted(dict.fromkeys(apps))),
            readers=tuple(sorted(dict.fromkeys(readers))),
        ),
    )


def _listed(names: str | Iterable[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _plan(using: str, wanted: Hardened, *, is_to_be_applied: bool = True) -> Plan:
    there = things(using)
    keepers = {thing.owner for thing in there if thing.part == "place"}
    # Who owns the database is pg_database_owner, and only as long.
    roles = roles_of(using, wanted, keepers - {wanted.owner, *wanted.apps, "pg_database_owner"})
    obstacles = role_obstacles(using, wanted, roles)
    before = hardened(using)
    if is_to_be_applied:
        obstacles += connection_obstacles(using, wanted)
    if before is None:
        obstacles += _unsound(using)
    return Plan(
        using=using,
        roles=wanted,
        steps=(
            *steps(there, wanted, groups_of(wanted, roles)),
            *default_privileges.steps(using, wanted),
            *remembering(before, wanted, event_table.schema_of(using)),
            *_labels(using),
        ),
        obstacles=tuple(obstacles),
    )


def _unsound(using: str) -> list[str]:
    """Return what is not as it was declared, so that it would become the owner's as it is."""
    faults = [
        *(fault.name for fault in event_table.incomplete_schema(using)),
        *map(str, installed_captures.faults(using)),
        *event_table.strangers(using),
    ]
    if not faults:
        return []
    return [
        (
            f"These are not as they are declared, and would become the owner's so: {', '.join(faults)}."
            " Run manage.py pgaudit_log install, and see what manage.py pgaudit_log status tells."
        )
    ]


def _labels(using: str) -> list[Step]:
    reason = "the application writes manual events with labels that the project declares"
    return [
        Step(statement=statement, reason=reason) for statement in declared_labels.statements(using)
    ]


def _refuse(obstacles: Sequence[str]) -> None:
    if obstacles:
        raise PlanError(f"Nothing was changed. {' '.join(obstacles)}")


def _carry_out(plan: Plan) -> None:
    """Run the statements of a plan, all or none.

    Raises:
        PlanError: when the database refuses.
    """
    data = {
        "owner": plan.roles.owner,
        "apps": plan.roles.apps,
        "readers": plan.roles.readers,
        "steps": [step.statement for step in plan.steps],
    }
    try:
        with transaction.atomic(using=plan.using):
            # First, while the role that asks may still do so.
            own_events.write(plan.using, own_events.MAINTENANCE, "harden", data)
            with own_path(connections[plan.using]) as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
                for step in plan.steps:
                    cursor.execute(step.statement)
    except DatabaseError as error:
        raise PlanError(
            f"Nothing was changed: {str(error).strip()} Mend that, or try again when nothing has locks"
            " on these tables; the role must own them, or be a superuser, and be a member of"
            f" {plan.roles.owner}."
        ) from error


def drift(using: str) -> Plan | None:
    """Return what differs in a hardened database from how it was hardened; ``None`` if it was not.

    Raises:
        PlanError: when one of its roles is gone.
    """
    known = hardened(using)
    return None if known is None else _plan(using, known, is_to_be_applied=False)


def mend(using: str) -> list[str]:
    """Own and grant what is new in a hardened database, and return the statements.

    What an application may have made stays as it is, and is told by a check.
    """
    try:
        found = drift(using)
    except PlanError as error:
        logger.warning("%s", error)
        return []
    if found is None:
        return []
    automatic = tuple(step for step in found.steps if step.is_automatic)
    if not automatic:
        return []
    _carry_out(Plan(using=using, roles=found.roles, steps=automatic, obstacles=()))
    return [step.statement for step in automatic]
