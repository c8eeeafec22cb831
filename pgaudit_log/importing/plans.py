"""Plans: what of a peer's would come over, as what, what would not, and what is in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from django.db import connections, models, router, transaction

from pgaudit_log.constants import ACCESS
from pgaudit_log.database import own_events
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.declaring import declarations
from pgaudit_log.exceptions import PlanError, QueryError
from pgaudit_log.importing import accesses, elsewhere, seams
from pgaudit_log.importing.accesses import AccessTable
from pgaudit_log.importing.batches import WORKERS
from pgaudit_log.importing.obstacles import obstacles_of
from pgaudit_log.importing.peers import PEERS
from pgaudit_log.importing.sources import Source
from pgaudit_log.importing.steps import AccessStep, Step, access_step_of, step_of
from pgaudit_log.importing.transfer import BATCH_SIZE, transfer
from pgaudit_log.values.pinned_settings import pinned
from pgaudit_log.values.tables import concrete

EVENTS_A_SECOND = 25_000
"""How many events an import writes on one processor, at least: see benchmarks/README.md."""


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
    accesses: Sequence[AccessStep] = ()
    """What comes over of logins and requests, which are of no tracked model."""
    from_database: str | None = None
    """The database that the peer's tables are in, if it is another one than that of the events."""
    copies: Sequence[elsewhere.Table] = ()
    """Its tables that are read there."""

    @property
    def events(self) -> int:
        """How many events would be written."""
        return sum(step.events for step in self.of_all)

    @property
    def of_all(self) -> Sequence[Step | AccessStep]:
        """The steps of models, and of logins and requests."""
        return (*self.steps, *self.accesses)

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
        if not self.of_all:
            return Imported(events={}, gaps={})
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
            # What an interrupted import has left.
            elsewhere.drop(self.using)
            with elsewhere.copied(self.copies, self.from_database, self.using):
                # The largest fills the tables of months; what comes after it writes into them.
                for step in sorted(self.steps, key=lambda step: -step.events):
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
                for access in self.accesses:
                    written[ACCESS] = written.get(ACCESS, 0) + accesses.transfer(
                        access.source,
                        self.using,
                        since=self.since,
                        import_id=number,
                        batch_size=batch_size,
                        workers=workers,
                        progress=count,
                    )
                catalogue.finish_past(self.using)
        return Imported(events=written, gaps=gaps)

    def _refuse_changed(self) -> None:
        """Raise where something is in the way by now.

        Raises:
            PlanError: says what.
        """
        if obstacles := [*obstacles_of(self.steps, connections[self.using])]:
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
                **({"database": plan.from_database} if plan.from_database else {}),
                "tables": {
                    step.source.name: {"model": step.model, "events": step.events}
                    for step in plan.of_all
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
    from_database: str | None = None,
) -> Plan:
    """Return what would come over from a peer. Nothing is written until :meth:`Plan.apply`.

    What is in another database is copied into this one while the plan is made, and again while it
    is applied: that is how its records become exactly the events that triggers would have written.

    Args:
        peer: one of :data:`PEERS`, such as ``pghistory``.
        models: only of these tracked models; by default of all that the peer has recorded, and what
            it has of logins and requests.
        since: only what was recorded from this moment, an aware datetime, on. What is older may
            come later.
        tables: tables that the peer has recorded in and has no class for any more, by model.
        using: the database of the events; by default the one that the routers give for writing.
        from_database: the database that has the peer's tables, by alias; by default the same.

    Raises:
        QueryError: for an unknown peer or database, or a moment without a time zone.
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
    name = PEERS[peer].name
    # Some peers have all models in one table, of which something may be said as a whole.
    asked = None if wanted is None else {name, *(model._meta.label for model in wanted)}
    steps: list[Step] = []
    left_out: list[tuple[str, str]] = []
    access_steps: list[AccessStep] = []
    there = None if from_database == alias else from_database
    obstacles, copies = _copies(peer, there, alias, given, wanted)
    with (
        transaction.atomic(using=alias),
        elsewhere.copied(copies, there, alias, elsewhere.PLANNED),
        pinned(alias, jit="off", **_settings(there, alias, elsewhere.PLANNED)),
    ):
        for found in PEERS[peer].sources(connection, given) if not obstacles else ():
            label = found.model._meta.label if isinstance(found, Source) else found[0]
            if asked is not None and label not in asked:
                continue
            if isinstance(found, Source):
                steps.append(step_of(found, connection, since))
            else:
                left_out.append(found)
        obstacles += obstacles_of(steps, connection)
        for table in PEERS[peer].accesses(connection) if wanted is None and not obstacles else ():
            if isinstance(table, AccessTable):
                access_steps.append(access_step_of(table, connection, since))
            else:
                left_out.append(table)
    settings = _settings(there, alias)
    steps = [replace(step, source=step.source.found_under(settings)) for step in steps]
    access_steps = [
        replace(step, source=replace(step.source, settings=settings)) for step in access_steps
    ]
    if wanted is not None and (there is None or copies):
        known = {step.model for step in steps} | {label for label, _ in left_out}
        obstacles += [reason for _, reason in left_out]
        obstacles += [
            f"{name} has recorded nothing of {model._meta.label}: it has no class for it."
            for model in wanted
            if not known & {name, model._meta.label}
        ]
    return Plan(
        using=alias,
        peer=name,
        since=since,
        steps=tuple(steps),
        left_out=tuple(left_out),
        obstacles=tuple(obstacles),
        accesses=tuple(access_steps),
        from_database=there,
        copies=copies,
    )


def _settings(there: str | None, using: str, schema: str = elsewhere.SCHEMA) -> dict[str, str]:
    return {} if there is None else elsewhere.settings(using, schema)


def _copies(
    peer: str,
    there: str | None,
    using: str,
    given: Mapping[type[models.Model], list[str]],
    wanted: Sequence[type[models.Model]] | None,
) -> tuple[list[str], tuple[elsewhere.Table, ...]]:
    """Return what is in the way of reading another database, and its tables that are read.

    Raises:
        QueryError: when the project has no such database.
    """
    if there is None:
        return [], ()
    if there not in connections:
        raise QueryError(
            f'There is no database "{there}" to import from. Those of the settings are'
            f" {', '.join(connections)}."
        )
    if obstacles := [*elsewhere.obstacles(there, using)]:
        return obstacles, ()
    copies = tuple(elsewhere.tables(peer, there, given, wanted))
    obstacles = [*elsewhere.obstacles(there, using, copies)]
    return obstacles, () if obstacles else copies


def _any_model(wanted: Sequence[type[models.Model]] | None) -> type[models.Model]:
    """Return a model by which the routers say where events are."""
    if wanted:
        return wanted[0]
    first = next(iter(declarations.declarations()), None)
    if first is None:
        raise QueryError("No model is tracked, so that nothing can be imported.")
    return concrete(first.tracked_model)
