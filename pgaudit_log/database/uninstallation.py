"""Uninstallation: takes capture out of a database, and the event table too if that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connections, router, transaction
from django.db.migrations.loader import MigrationLoader

from pgaudit_log import sql
from pgaudit_log.capture_v1 import (
    AddCaptureTriggers,
    CaptureTriggersOfModels,
    RemoveCaptureTriggers,
)
from pgaudit_log.constants import (
    APP_LABEL,
    COPIES_SCHEMA,
    DEFAULT_PARTITION,
    EVENT_TABLE,
    IMPORT_TABLES,
)
from pgaudit_log.database import standing_holds
from pgaudit_log.database.partitions.catalogue import LOCK_TIMEOUT
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.exceptions import InstallationError, PlanError
from pgaudit_log.values.quoting import quote_name

_ORDER = ("trigger", "view", "function", "table")
"""What is dropped before what it uses."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something to drop."""

    kind: str
    """``trigger``, ``view``, ``function``, ``table`` or ``schema``."""
    name: str
    statement: str

    def __str__(self) -> str:
        return f"drop {self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an uninstallation would do."""

    using: str
    steps: Sequence[Step]
    obstacles: Sequence[str]
    """What of others depends on what is to go."""
    tracked: Sequence[str]
    """The labels of models that are still declared, so that ``install`` would make all of it again."""
    migrations: Sequence[str]
    """The migrations of the project that need this package."""
    size: str | None = None
    """How large the event table is that would go, with all its events; ``None`` if it stays."""

    def apply(self) -> None:
        """Drop all of it, or nothing.

        Raises:
            PlanError: when something of others depends on it.
            InstallationError: when something has a lock on it, or it is somebody else's.
        """
        if self.obstacles:
            raise PlanError(f"Nothing was dropped. {' '.join(self.obstacles)}")
        try:
            with transaction.atomic(using=self.using), connections[self.using].cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
                for step in self.steps:
                    cursor.execute(step.statement)
        except DatabaseError as error:
            raise InstallationError(
                f"Nothing was dropped: {str(error).strip()} Mend that, or try again when nothing"
                " writes to the tracked tables; the role must own what is dropped."
            ) from error
        former_names.forget()


def plan(using: str = "default", *, with_events: bool = False) -> Plan:
    """Return what would be dropped of a database: triggers, views, and the functions of capture.

    What a killed import has left goes, too: none of it is an event yet.

    The event table stays with what belongs to it, the functions that read it and keep it append-only,
    unless ``with_events``. Nothing is written until :meth:`Plan.apply`.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(sql.read("uninstall.sql"))
        found = cursor.fetchall()
        cursor.execute(
            """
            SELECT pg_catalog.quote_ident(nspname::text)
            FROM pg_class
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE pg_class.oid = to_regclass(%s)
            """,
            [EVENT_TABLE],
        )
        [schema] = cursor.fetchone()
        unfinished = _unfinished(cursor, schema)
    steps = [
        Step(kind=kind, name=name, statement=statement)
        for kind, name, statement, _ in sorted(found, key=lambda row: _ORDER.index(row[0]))
        if kind != "table"
    ]
    [size] = [size for kind, _, size, _ in found if kind == "table"]
    return Plan(
        using=using,
        steps=(*unfinished, *steps, *(_of_schema(schema) if with_events else ())),
        obstacles=(
            *(
                f"The {kind} {name} is read by {others}. Drop that first."
                for kind, name, _, others in found
                if others and (with_events or kind != "table")
            ),
            *(standing_holds.obstacles(using) if with_events else ()),
        ),
        tracked=tuple(
            model._meta.label
            for model in model_labels.tracked_models()
            if router.allow_migrate_model(using, model)
        ),
        migrations=tuple(_migrations(using)),
        size=size if with_events else None,
    )


def _unfinished(cursor: Any, schema: str) -> list[Step]:
    """Return the steps that drop what an import has made for itself, and was killed before it could.

    Months that were being filled use functions that may go.
    """
    cursor.execute(
        """
        SELECT 'table', oid::regclass::text
        FROM pg_catalog.pg_class
        WHERE relnamespace = %s::regnamespace
            AND relkind = 'r'
            AND NOT relispartition
            AND relname ~ %s
        UNION ALL
        SELECT 'schema', nspname::text FROM pg_catalog.pg_namespace WHERE nspname = %s
        ORDER BY 1, 2
        """,
        [schema, f"^{IMPORT_TABLES}(_|$)", COPIES_SCHEMA],
    )
    return [
        Step(
            kind=kind,
            name=name,
            statement=f"DROP {kind.upper()} {name}{' CASCADE' if kind == 'schema' else ''}",
        )
        for kind, name in cursor.fetchall()
    ]


def _of_schema(schema: str) -> list[Step]:
    """Return the steps that drop what the migration makes: the tables, then their functions."""
    made = sql.made(sql.template())
    return [
        Step(
            kind=kind,
            name=f"{schema}.{thing.name}",
            statement=f"DROP {kind.upper()} IF EXISTS {schema}.{quote_name(thing.name)}",
        )
        for kind in ("table", "function")
        for thing in reversed(made)
        if thing.kind == kind and thing.name != DEFAULT_PARTITION
    ]


def _migrations(using: str) -> list[str]:
    """Return the project's migrations that depend on this package, or hold its triggers."""
    migrations: dict[tuple[str, str], Any] = MigrationLoader(connections[using]).disk_migrations
    found = []
    for (app, name), migration in sorted(migrations.items()):
        if app == APP_LABEL:
            continue
        is_ours = any(dependency[0] == APP_LABEL for dependency in migration.dependencies) or any(
            isinstance(
                operation, (AddCaptureTriggers, CaptureTriggersOfModels, RemoveCaptureTriggers)
            )
            for operation in migration.operations
        )
        if is_ours:
            found.append(f"{app}.{name}")
    return found
