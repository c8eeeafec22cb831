"""Comparisons: whether a peer and this package tell the same of the time when both were at work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import ProgrammingError, connections, transaction

from pgaudit_log.database.privileges import is_lacking
from pgaudit_log.exceptions import PlanError
from pgaudit_log.importing import elsewhere
from pgaudit_log.importing.event_statements import EventStatements
from pgaudit_log.importing.lines import Lines
from pgaudit_log.importing.plans import Plan
from pgaudit_log.importing.source_events import LINES
from pgaudit_log.importing.sources import Source
from pgaudit_log.importing.transfer import here, made, reading
from pgaudit_log.values.utc import utc

SHOWN = 20
"""How many differences of a table are told one by one."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A change that only one of the two tells of."""

    side: Literal["there", "here"]
    """Which of them does: the peer, or this package."""
    obj_pk: str
    operation: str
    """The letter of the operation."""
    id: str
    """The id of the peer's record, or of the event."""
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a table of the peer's and this package's events tell of the same time."""

    model: str
    """The label of the model."""
    table: str
    in_both: int
    """How many changes both tell of, with the same values."""
    only_there: int
    only_here: int
    differences: Sequence[Difference]
    """The first of what only one of them tells of."""

    @property
    def agrees(self) -> bool:
        """Whether both tell the same."""
        return not self.only_there and not self.only_here


def compare(plan: Plan, *, shown: int = SHOWN) -> list[Comparison]:
    """Return, for each table of a plan, whether peer and package tell the same since both are at work.

    From the first event of this package's own about an object on, each record of the peer's should
    have an event with the same operation and the same values, and the other way round. What it
    makes in the database for that is gone when it returns.

    Raises:
        PlanError: when something is in the way of reading what the peer has, or a right is missing.
    """
    if plan.obstacles and not plan.steps:
        raise PlanError(f"Nothing was compared. {' '.join(plan.obstacles)}")
    using = plan.using
    try:
        with (
            transaction.atomic(using=using),
            elsewhere.copied(plan.copies, plan.from_database, using, elsewhere.PLANNED),
        ):
            return [
                _compare(elsewhere.found(step.source, plan.from_database, using), using, shown)
                for step in plan.steps
            ]
    except ProgrammingError as error:
        if not is_lacking(error):
            raise
        [refusal, *_] = str(error).strip().splitlines()
        raise PlanError(
            f"Nothing was compared: {refusal}. Tables are made meanwhile, and are gone afterwards. Run it"
            " as the role that migrates."
        ) from error


def _compare(source: Source, using: str, shown: int) -> Comparison:
    connection = connections[using]
    source = source.filled or source
    statements = EventStatements(source, connection)
    with (
        transaction.atomic(using=using),
        reading(source, connection, jit="off") as cursor,
    ):
        cursor.execute(statements.shape_sql())
        [shape] = cursor.fetchone()
        with made(source, connection):
            lines = Lines(source, connection).lines(
                here(source, connection), None, is_compared=True
            )
            cursor.execute(f"CREATE UNLOGGED TABLE {LINES} AS {lines.text}", lines.params)
            sql = statements.comparison(shape, shown)
            cursor.execute(sql.text, sql.params)
            rows = cursor.fetchall()
    *_, in_both, only_there, only_here = rows[0]
    return Comparison(
        model=source.model._meta.label,
        table=source.name,
        in_both=in_both,
        only_there=only_there,
        only_here=only_here,
        differences=tuple(
            Difference(
                side="there" if is_theirs else "here",
                obj_pk=obj_pk,
                operation=operation,
                id=id,
                created_at=utc(created_at),
            )
            for is_theirs, obj_pk, operation, id, created_at, *_ in rows
            if is_theirs is not None
        ),
    )
