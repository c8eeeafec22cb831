"""Plans: what of a peer's would come over, as what, what would not, and what is in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property

from django.db import connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import EVENT_TABLE, OPERATIONS
from pgaudit_log.database import own_events
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.declaring import declarations, former_names
from pgaudit_log.exceptions import PlanError, QueryError
from pgaudit_log.importing import seams
from pgaudit_log.importing.batches import WORKERS
from pgaudit_log.importing.lines import Lines
from pgaudit_log.importing.peers import PEERS
from pgaudit_log.importing.sources import Source, Unkept
from pgaudit_log.importing.transfer import BATCH_SIZE, here, transfer
from pgaudit_log.values.past_ids import first_id
from pgaudit_log.values.pinned_settings import pinned
from pgaudit_log.values.tables import concrete

EVENTS_A_SECOND = 20_000
"""How many events an import writes on one processor, at least: see benchmarks/README.md."""


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
class Imported:
    """What an import has done."""

    events: Mapping[str, int]
    """How many events of each model were written out of the peer's records."""
    gaps: Mapping[str, int]
    """How many events of each model say that the peer had missed something."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an import would do."""

    using: str
    peer: str
    """The name of the peer's package."""
    since: datetime | None
    steps: Sequence[Step]
    left_out: Sequence[tuple[str, str]]
    """The labels of models of which nothing comes over, with why."""
    obstacles: Sequence[str]

    @property
    def events(self) -> int:
        """How many events would be written."""
        return sum(step.events for step in self.steps)

    @property
    def seconds(self) -> float:
        """How long it will take, roughly."""
        return self.events / EVENTS_A_SECOND

    def apply(
        self,
        *,
        batch_size: int = BATCH_SIZE,
        workers: int = WORKERS,
        progress: Callable[[int, int], object] | None = None,
    ) -> Imported:
        """Write the events, and return how many.

        Each batch is a transaction of its own. What was written before an interruption stays, and
        the next import goes on behind it.

        Args:
            batch_size: how many events a transaction writes.
            workers: how many connections write at the same time.
            progress: called after each batch with how many events are done, and the total.

        Raises:
            PlanError: when something is in the way, or another operator is at work.
            QueryError: when ``batch_size`` or ``workers`` is less than 1.
            InstallationError: when a partition cannot be made.
        """
        if self.obstacles:
            raise PlanError(f"Nothing was imported. {' '.join(self.obstacles)}")
        if batch_size < 1 or workers < 1:
            raise QueryError(
                f"Cannot import in batches of {batch_size} events with {workers} connections. Give 1"
                " or more of each."
            )
        done = 0

        def count(events: int) -> None:
            nonlocal done
            done += events
            if progress is not None:
                progress(done, max(done, self.events))

        number = _Number(self)
        written: dict[str, int] = {}
        gaps: dict[str, int] = {}
        with own_events.only_one(self.using):
            self._refuse_changed()
            for step in self.steps:
                written[step.model] = written.get(step.model, 0) + transfer(
                    step.source,
                    self.using,
                    since=self.since,
                    import_id=number,
                    batch_size=batch_size,
                    workers=workers,
                    progress=count,
                )
            for step in self.steps:
                gaps[step.model] = gaps.get(step.model, 0) + seams.close(
                    step.source, self.using, import_id=number
                )
            catalogue.finish_past(self.using)
        return Imported(events=written, gaps=gaps)

    def _refuse_changed(self) -> None:
        """Raise where something is in the way by now.

        Raises:
            PlanError: says what.
        """
        if obstacles := [*_obstacles(self.steps, connections[self.using])]:
            raise PlanError(f"Nothing was imported. {' '.join(obstacles)}")


class _Number:
    """The number of an import: the id of the event that it leaves itself, once it has written something."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __call__(self) -> int:
        return self._id

    @cached_property
    def _id(self) -> int:
        plan = self._plan
        return own_events.write(
            plan.using,
            own_events.MAINTENANCE,
            "import",
            {
                "peer": plan.peer,
                "since": plan.since,
                "tables": {
                    step.source.name: {"model": step.model, "events": step.events}
                    for step in plan.steps
                },
            },
        )


def plan(
    peer: str,
    *,
    models: Sequence[type[models.Model]] | None = None,
    since: datetime | None = None,
    tables: Mapping[type[models.Model], Sequence[str]] | None = None,
    using: str | None = None,
) -> Plan:
    """Return what would come over from a peer. Nothing is written until :meth:`Plan.apply`.

    Args:
        peer: ``pghistory``, ``simple-history`` or ``reversion``.
        models: only of these tracked models; by default of all that the peer has recorded.
        since: only what was recorded from this moment, an aware datetime, on. What is older may
            come later.
        tables: tables that the peer has recorded in and has no class for any more, by model.
        using: the database; by default the one that the routers give for writing.

    Raises:
        QueryError: for an unknown peer, or a moment without a time zone.
    """
    if peer not in PEERS:
        raise QueryError(
            f"There is no way to import {peer!r}. There is one for {', '.join(PEERS)}."
        )
    if since is not None and since.tzinfo is None:
        raise QueryError(f"{since.isoformat()} has no time zone. Give since= an aware datetime.")
    wanted = None if models is None else [concrete(model) for model in models]
    alias = using or router.db_for_write(_any_model(wanted))
    connection = connections[alias]
    given = {concrete(model): list(names) for model, names in (tables or {}).items()}
    steps: list[Step] = []
    left_out: list[tuple[str, str]] = []
    with transaction.atomic(using=alias), pinned(alias, jit="off"):
        for found in PEERS[peer].sources(connection, given):
            label = found.model._meta.label if isinstance(found, Source) else found[0]
            if wanted is not None and label not in [model._meta.label for model in wanted]:
                continue
            if isinstance(found, Source):
                steps.append(_step(found, connection, since))
            else:
                left_out.append(found)
        obstacles = [*_obstacles(steps, connection)]
    if wanted is not None:
        known = {step.model for step in steps} | {label for label, _ in left_out}
        obstacles += [reason for _, reason in left_out]
        obstacles += [
            f"{PEERS[peer].name} has recorded nothing of {model._meta.label}: it has no class for it."
            for model in wanted
            if model._meta.label not in known
        ]
    return Plan(
        using=alias,
        peer=PEERS[peer].name,
        since=since,
        steps=tuple(steps),
        left_out=tuple(left_out),
        obstacles=tuple(obstacles),
    )


def _any_model(wanted: Sequence[type[models.Model]] | None) -> type[models.Model]:
    """Return a model by which the routers say where events are."""
    if wanted:
        return wanted[0]
    first = next(iter(declarations.declarations()), None)
    if first is None:
        raise QueryError("No model is tracked, so that nothing can be imported.")
    return concrete(first.tracked_model)


def _step(source: Source, connection: BaseDatabaseWrapper, since: datetime | None) -> Step:
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
                first=first,
                last=last,
            )
            for kind, operation, events, first, last, *_ in rows
        ),
        imported=sum(row[5] for row in rows),
        compared=sum(row[6] for row in rows),
    )


def _obstacles(steps: Sequence[Step], connection: BaseDatabaseWrapper) -> Iterator[str]:
    for step in steps:
        for moment in (step.first, step.last):
            if moment is not None and not _has_id(moment):
                yield (
                    f"{step.source.name} has a record of {moment.astimezone(timezone.utc):%Y-%m-%d}:"
                    " there are ids for events from 1970 to May 2109 only. Correct its time."
                )
    if not steps:
        return
    yield from _overlaps(steps, connection)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT
                pg_has_role(relowner, 'USAGE'),
                has_schema_privilege(current_schema(), 'CREATE'),
                current_user
            FROM pg_class WHERE oid = to_regclass(%s)
            """,
            [EVENT_TABLE],
        )
        is_owner, can_create, role = cursor.fetchone()
    if not (is_owner and can_create):
        yield (
            f"The role {role} does not own the event table, or may not make tables. Run it as the"
            " role that migrates."
        )


def _overlaps(steps: Sequence[Step], connection: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield where another peer's history of the same time has been imported."""
    for step in steps:
        if not step.events:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT DISTINCT origin ->> 'peer'
                FROM pgaudit_log_event
                WHERE model = ANY(%s)
                    AND id < 0
                    AND created_at BETWEEN %s AND %s
                    AND origin ->> 'peer' <> %s
                    AND origin ? 'id'
                """,
                [
                    former_names.labels_of(step.source.model, connection.alias),
                    step.first,
                    step.last,
                    step.source.peer,
                ],
            )
            for (peer,) in cursor.fetchall():
                yield (
                    f"What {peer} has recorded of {step.model} at the same time is imported already:"
                    " each change would be there twice. Take that back, or import what one of them has"
                    " of another time, by --since."
                )


def _has_id(moment: datetime) -> bool:
    try:
        first_id(moment)
    except ValueError:
        return False
    return True
