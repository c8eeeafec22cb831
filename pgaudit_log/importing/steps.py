"""Steps: what would come over from one table of a peer's, as what, and what of it would not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import ACCESS, MANUAL, OPERATIONS
from pgaudit_log.declaring import declarations
from pgaudit_log.importing import accesses
from pgaudit_log.importing.accesses import AccessTable
from pgaudit_log.importing.lines import Lines
from pgaudit_log.importing.sources import Source, Unkept
from pgaudit_log.importing.transfer import here
from pgaudit_log.values.utc import utc


@dataclass(frozen=True, kw_only=True)
class KindCount:
    """What the records of one kind become."""

    kind: str
    """What the peer calls them: a label, or the type of a record."""
    operation: str
    """The letter of their events' operation."""
    label: str
    """The label of their events."""
    events: int
    """How many events would be written."""
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, kw_only=True)
class Step:
    """What comes over from one table of the peer's."""

    source: Source
    counts: Sequence[KindCount]
    imported: int
    """How many of its records have been imported before."""
    compared: int
    """How many are of a time of which this package's own events tell; they are compared instead."""

    @property
    def model(self) -> str:
        """The label of the model."""
        return self.source.model._meta.label

    @property
    def events(self) -> int:
        """How many events would be written."""
        return sum(count.events for count in self.counts)

    @property
    def first(self) -> datetime | None:
        """The time of the first of them."""
        return min((count.first for count in self.counts if count.first), default=None)

    @property
    def last(self) -> datetime | None:
        """The time of the last of them."""
        return max((count.last for count in self.counts if count.last), default=None)

    @property
    def unkept(self) -> Sequence[Unkept]:
        """The columns whose values do not come over, with why."""
        return self.source.unkept


@dataclass(frozen=True, kw_only=True)
class AccessStep:
    """What comes over from one table of logins or requests."""

    source: AccessTable
    counts: Sequence[KindCount]
    imported: int
    compared: int
    model: str = ACCESS
    """What events call that which is in no table."""
    unkept: Sequence[Unkept] = ()

    @property
    def events(self) -> int:
        """How many events would be written."""
        return sum(count.events for count in self.counts)


def step_of(source: Source, connection: BaseDatabaseWrapper, since: datetime | None) -> Step:
    """Return what would come over from a source."""
    statements = Lines(source, connection, is_made=False)
    sql = statements.counts(here(source, connection), since)
    with connection.cursor() as cursor:
        cursor.execute(sql.text, sql.params)
        rows = cursor.fetchall()
    baseline = declarations.baseline_label(source.declaration)
    return Step(
        source=source,
        counts=tuple(
            KindCount(
                kind=kind,
                operation=operation,
                label=baseline if OPERATIONS[operation] == "baseline" else source.kinds[kind].label,
                events=events,
                first=utc(first),
                last=utc(last),
            )
            for kind, operation, events, first, last, *_ in rows
        ),
        imported=sum(row[5] for row in rows),
        compared=sum(row[6] for row in rows),
    )


def access_step_of(
    table: AccessTable, connection: BaseDatabaseWrapper, since: datetime | None
) -> AccessStep:
    """Return what would come over from a table of logins or requests."""
    found = accesses.counts(table, connection, since)
    return AccessStep(
        source=table,
        counts=tuple(
            KindCount(
                kind=one.kind,
                operation=MANUAL,
                label=one.label,
                events=one.events,
                first=one.first,
                last=one.last,
            )
            for one in found
        ),
        imported=sum(one.imported for one in found),
        compared=sum(one.compared for one in found),
    )
