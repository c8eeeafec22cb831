"""Installed captures: where the triggers of a database, and what they call, differ from what is declared."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pgtrigger
from django.db import ProgrammingError, connections, transaction

from pgaudit_log import sql
from pgaudit_log.capture_v1.template import condition_function
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database.privileges import sqlstate
from pgaudit_log.declaring import former_names
from pgaudit_log.triggers.capture_function import InstalledFunction, is_declared, shape_in
from pgaudit_log.triggers.trigger import CaptureTrigger
from pgaudit_log.values.pinned_settings import own_path
from pgaudit_log.values.tables import concrete, table_of

logger = logging.getLogger("pgaudit_log")

Problem = Literal[
    "missing", "outdated", "disabled", "only for replicas", "replaced", "in another schema"
]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A declared trigger that does not capture as it is declared."""

    model: Any
    trigger: CaptureTrigger
    problem: Problem
    detail: str = ""
    """What stands in the database instead, for those who look for it there."""

    @property
    def name(self) -> str:
        """The trigger's name with its model's."""
        return f"{self.model._meta.label}:{self.trigger.name}"

    def __str__(self) -> str:
        return f"{self.name} ({self.detail or self.problem})"


@dataclass(frozen=True, kw_only=True)
class _Installed:
    """A trigger that the database has; see ``sql/captures.sql``."""

    state: str
    hash: str | None
    type: int
    transition: str
    is_plain: bool
    has_condition: bool
    is_beside: bool
    audit: str | None
    home: str
    body: str
    is_definer: bool
    settings: list[str]
    language: str
    is_public: bool
    condition: int | None


_TYPES = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
_ROW = 1


def declared() -> Iterator[tuple[Any, CaptureTrigger]]:
    """Yield each declared trigger of this package after the model that it is on."""
    for model, trigger in pgtrigger.registered():
        if isinstance(trigger, CaptureTrigger):
            yield model, trigger


def faults(using: str) -> list[Fault]:
    """Return the declared triggers that the database does not have as they are declared.

    Each is looked for on the table that the search path leads to: one on the table of another
    tenant's schema is none.
    """
    wanted = [
        (model, trigger)
        for model, trigger in declared()
        if trigger.allow_migrate(model, database=using)
    ]
    # Another process may have migrated since they were read.
    former_names.forget()
    installed = _installed(using, wanted)
    changed = _conditions_replaced(using, installed)
    former = of_former_names(using)
    audit = _event_schema(using)
    found = []
    for number, (model, trigger) in enumerate(wanted, 1):
        there = installed.get(number)
        judged = _judged(model, trigger, there, audit, using)
        if judged is None and there is not None and there.condition in changed:
            condition = condition_function(trigger.get_pgid(model))
            judged = ("replaced", f"{condition}() was replaced")
        if judged is None and trigger.get_pgid(model) in former:
            judged = ("outdated", "a column of its table was renamed")
        if judged is not None:
            problem, detail = judged
            found.append(Fault(model=model, trigger=trigger, problem=problem, detail=detail))
    return found


def _installed(using: str, wanted: list[tuple[Any, CaptureTrigger]]) -> dict[int, _Installed]:
    pgids = [trigger.get_pgid(model) for model, trigger in wanted]
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.read("captures.sql"),
            {
                "tables": [table_of(concrete(model)) for model, _ in wanted],
                "names": pgids,
                "conditions": [condition_function(pgid) for pgid in pgids],
            },
        )
        columns = [column[0] for column in cursor.description][1:]
        return {
            number: _Installed(**dict(zip(columns, rest, strict=True)))
            for number, *rest in cursor.fetchall()
        }


def _judged(
    model: Any, trigger: CaptureTrigger, there: _Installed | None, audit: str, using: str
) -> tuple[Problem, str] | None:
    """Return what is wrong with a trigger, and what stands in the database; ``None`` if nothing is."""
    if there is None:
        return "missing", ""
    compiled: Any = trigger.compile(model)
    if there.hash != compiled.hash:
        return "outdated", ""
    if there.state == "D":
        return "disabled", ""
    if there.state == "R":
        return "only for replicas", "ENABLE REPLICA"
    if there.audit is not None and there.audit != audit:
        return "in another schema", f"writes to {there.audit}.{EVENT_TABLE}"
    if not there.is_beside:
        return "in another schema", f"calls {there.home}.{trigger.get_pgid(model)}()"
    given = compiled.sql.kwargs
    if (there.type, there.transition, there.is_plain, there.has_condition) != (
        _TYPES[trigger.tracker.operation_name] + _ROW * (not trigger.is_statement_level),
        " ".join(sorted(re.findall(r"TABLE AS (\w+)", given.get("referencing", "")), reverse=True)),
        True,
        bool(given.get("condition")),
    ):
        return "replaced", "another trigger has its name"
    if compiled.sql.when_condition and there.condition is None:
        return "replaced", f"{condition_function(trigger.get_pgid(model))}() is missing"
    function = InstalledFunction(
        home=there.home,
        audit=audit,
        language=there.language,
        is_definer=there.is_definer,
        is_public=there.is_public,
        settings=frozenset(there.settings),
        body=there.body,
    )
    if not is_declared(function, compiled.sql):
        return "replaced", f"{there.home}.{trigger.get_pgid(model)}() was replaced"
    shape = shape_in(there.body)
    if shape is not None and shape not in former_names.of(model, using).shapes:
        return "replaced", "the log does not know the names that it writes"
    return None


def _conditions_replaced(using: str, installed: dict[int, _Installed]) -> set[int]:
    """Return which functions of conditions are not what was installed."""
    conditions = [there.condition for there in installed.values() if there.condition is not None]
    if not conditions:
        return set()
    with own_path(connections[using]) as cursor:
        cursor.execute(
            """
            SELECT oid FROM pg_proc
            WHERE oid = ANY (%s::oid[])
                AND obj_description(oid, 'pg_proc')
                    IS DISTINCT FROM 'pgaudit_log:' || md5(pg_get_function_sqlbody(oid))
            """,
            [conditions],
        )
        return {oid for (oid,) in cursor.fetchall()}


def of_former_names(using: str) -> set[str]:
    """Return the names of the triggers that were made when a column of theirs was called otherwise."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass('pgaudit_log_shape') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return set()
        cursor.execute(sql.read("outdated_shapes.sql"))
        return {name for (name,) in cursor.fetchall()}


def _event_schema(using: str) -> str:
    """Return the schema of the event table, quoted where it must be; empty if there is none."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT pg_catalog.quote_ident(nspname)
            FROM pg_class
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE pg_class.oid = to_regclass(%s)
            """,
            [EVENT_TABLE],
        )
        row = cursor.fetchone()
        return str(row[0]) if row else ""


def mend(using: str, faults: list[Fault]) -> list[str]:
    """Install the triggers of ``faults`` anew, enabled, and return the names of those that could be.

    A trigger whose condition asks what is gone stays as it is, and is logged. If it would refuse every
    write, it is for :func:`pgaudit_log.database.installed_triggers.drop_broken`.
    """
    mended = []
    for fault in faults:
        try:
            _install_anew(using, fault)
        except ProgrammingError as error:
            if not _is_about_what_is_gone(error):
                raise
            logger.warning(
                "The trigger %s cannot be made as it is declared: %s. Correct its condition, and run"
                " makemigrations and migrate.",
                fault.name,
                str(error).partition("\n")[0],
            )
        else:
            mended.append(fault.name)
    return mended


def _install_anew(using: str, fault: Fault) -> None:
    table = table_of(concrete(fault.model))
    pgid = fault.trigger.get_pgid(fault.model)
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        if fault.problem == "replaced":
            # CREATE OR REPLACE does not take the place of any other, such as one of a constraint.
            cursor.execute(f"DROP TRIGGER {pgid} ON {table}")
        fault.trigger.install(fault.model, database=using)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {pgid}")


def _is_about_what_is_gone(error: ProgrammingError) -> bool:
    """Return whether the database does not know a column, function or table that it was asked for."""
    return sqlstate(error) in {"42703", "42883", "42P01"}


def shared_histories(using: str) -> dict[str, list[str]]:
    """Return the event tables of the database in which the tables of several schemas have one history.

    Each with those tables that the same declared triggers are on, by their names in SQL.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.read("shared_histories.sql"),
            {"names": [trigger.get_pgid(model) for model, trigger in declared()]},
        )
        found: dict[str, list[str]] = {}
        for events, table in cursor.fetchall():
            found.setdefault(events, []).append(table)
        return found


def tracked_without_primary_key(using: str) -> list[str]:
    """Return the labels of tracked models whose tables have no primary key in the database."""
    tables = {
        concrete(model)._meta.db_table: concrete(model)._meta.label
        for model, trigger in declared()
        if trigger.allow_migrate(model, database=using)
    }
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT relname FROM pg_class
            WHERE relname = ANY (%s) AND relkind IN ('r', 'p') AND pg_table_is_visible(oid)
                AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)
            ORDER BY relname
            """,
            [list(tables)],
        )
        return [tables[name] for (name,) in cursor.fetchall()]
