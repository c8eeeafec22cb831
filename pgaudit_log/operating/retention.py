"""Retention: plans what is removed because it is older than it has to be kept.

Whole partitions are rewritten: events go when the partition that they are in is older than they have
to be kept. The newest event of each object that there was stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from pgaudit_log.database import own_events, ownership
from pgaudit_log.database.event_table import schema_of
from pgaudit_log.database.partitions import rewriting
from pgaudit_log.database.partitions.calendar import Period
from pgaudit_log.database.partitions.copies import Copies, Progress
from pgaudit_log.database.partitions.copies import Kept as KeptEvents
from pgaudit_log.database.partitions.leaves import STAY, Leaf, leaves, leftovers
from pgaudit_log.database.partitions.locking import Patience
from pgaudit_log.operating import clock
from pgaudit_log.operating.holds import Hold, holds, refuse_others
from pgaudit_log.operating.partition_obstacles import in_the_way
from pgaudit_log.operating.partition_plans import Plan, Step
from pgaudit_log.operating.partitioning import plan_partitions, resolved, unfinished
from pgaudit_log.operating.retention_rules import Rule, configured, rules, told_of
from pgaudit_log.operating.staying import Gone, Kept, Staying
from pgaudit_log.values.ages import Age
from pgaudit_log.values.quoting import quote_literal, quote_name


def plan_retention(
    using: str = DEFAULT_DB_ALIAS,
    *,
    older_than: Age | None = None,
    models: Sequence[str] = (),
    trust_clock: bool = False,
    now: datetime | None = None,
) -> Plan:
    """Return what has to be removed, and from which partitions.

    Nothing is written until :meth:`Plan.apply`. It reads all events that are old enough.

    Args:
        using: the database.
        older_than: how old events have to be that go; by default ``PGAUDIT_LOG_RETENTION`` says it.
        models: the labels of the models that are meant; by default all.
        trust_clock: whether the clock of the database is right, although nothing was written for long.
        now: the time; by default that of the database.

    Raises:
        QueryError: for a model that is not there, or where nothing says how long events are kept.
    """
    moment = now or clock.now_of(using)
    wanted = rules(using, moment, older_than=older_than, chosen=models)
    standing = tuple(holds(using=using))
    wanted, notices, obstacles = _without_held(wanted, standing, explicit=bool(models))
    # What lies in the DEFAULT partition is older than all others, mostly.
    moved = plan_partitions(using, now=now)
    moves = tuple(step for step in moved.steps if step.kind == "move")
    old = [leaf for leaf in leaves(using) if leaf.period is not None]
    wanted = _to_bounds(wanted, [_period(leaf) for leaf in old])
    wanted = [rule for rule in wanted if not _is_reached(rule, using)]
    question = _Question(using=using, rules=tuple(wanted), holds=standing)
    steps: list[Step] = []
    kept: tuple[Kept, ...] = ()
    role, owner, may = ownership.role_and_owner(using)
    if wanted and not may:
        obstacles.append(ownership.lack_of_ownership(using, role, owner))
    if wanted and not obstacles:
        obstacles += clock.doubts(using, moment, is_trusted=trust_clock)
        kept, gone = question.counted()
        steps = [
            question.step(period, gone[period]) for period in question.periods if period in gone
        ]
        obstacles += in_the_way(using, steps)
    return Plan(
        using=using,
        steps=(*unfinished(using), *moves, *steps),
        obstacles=tuple(dict.fromkeys((*obstacles, *(moved.obstacles if moves else ())))),
        notices=(*notices, *moved.notices),
        kept=tuple(one for one in kept if one.events),
        make_again=partial(
            plan_retention,
            using,
            older_than=older_than,
            models=models,
            trust_clock=trust_clock,
            now=now,
        ),
        done=question.finish,
    )


def due(using: str, now: datetime) -> datetime | None:
    """Return up to when partitions may have events that ``PGAUDIT_LOG_RETENTION`` no longer keeps.

    ``None`` where nothing is due. No event is read: whether one goes is for the plan to say.
    """
    if not configured():
        return None
    periods = [leaf.period for leaf in leaves(using) if leaf.period is not None]
    wanted = _to_bounds(rules(using, now), periods)
    return max((rule.before for rule in wanted if not _is_reached(rule, using)), default=None)


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What is removed by which rules, in spite of which holds."""

    using: str
    rules: tuple[Rule, ...]
    holds: tuple[Hold, ...]

    @property
    def periods(self) -> tuple[Period, ...]:
        """The periods of the partitions from which something may go, the oldest first."""
        last = max((rule.before for rule in self.rules), default=None)
        found = (leaf.period for leaf in leaves(self.using) if leaf.period is not None)
        return tuple(period for period in found if last is not None and period.end <= last)

    def counted(self) -> tuple[tuple[Kept, ...], dict[Period, list[Gone]]]:
        """Return what holds keep, and what goes by partition; nothing is left in the database."""
        with _taken_back(self.using) as cursor:
            staying = self._staying("pg_temp.pgaudit_log_stay")
            kept = staying.make(cursor, temporary=True)
            gone: dict[Period, list[Gone]] = {}
            for period, one in staying.gone(cursor):
                gone.setdefault(period, []).append(one)
            return tuple(kept), gone

    def step(self, period: Period, gone: list[Gone]) -> Step:
        """Return the step that removes what goes from a partition."""
        [leaf] = resolved(self.using, [period])
        is_empty = self._count(leaf) == sum(one.events for one in gone)
        into = () if is_empty else (leaf.name,)
        return Step(
            kind="remove",
            partitions=(leaf.name,),
            into=into,
            events=sum(one.events for one in gone),
            removed=tuple(gone),
            carry_out=lambda patience: self._remove(period, gone, patience),
        )

    def finish(self) -> None:
        """Say that all has been removed that was to go."""
        with transaction.atomic(using=self.using), connections[self.using].cursor() as cursor:
            for rule in self.rules:
                cursor.execute(
                    "UPDATE pgaudit_log_horizon SET reached_at = clock_timestamp()"
                    " WHERE model = ANY (%s) AND since = %s AND reached_at IS NULL",
                    [list(rule.labels), rule.before],
                )

    def _staying(self, table: str) -> Staying:
        return Staying(
            table=table,
            rules=self.rules,
            told=lambda rule: told_of(rule, self.using),
            periods=self.periods,
            holds=self.holds,
            using=self.using,
        )

    def _stays(self, leaf: Leaf, kept: KeptEvents) -> bool:
        """Return whether anything stays of a partition, by the list."""
        schema = schema_of(self.using)
        with connections[self.using].cursor() as cursor:
            cursor.execute(
                f"SELECT EXISTS (SELECT FROM {schema}.{quote_name(leaf.name)} AS event"
                f" WHERE {kept.test(schema, 'event')})"
            )
            return bool(cursor.fetchone()[0])

    def _count(self, leaf: Leaf) -> int:
        with connections[self.using].cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {schema_of(self.using)}.{quote_name(leaf.name)}")
            return int(cursor.fetchone()[0])

    def _purpose(self) -> list[Any]:
        return [
            [[rule.labels, rule.before.isoformat()] for rule in self.rules],
            [one.number for one in self.holds],
        ]

    def _remove(self, period: Period, gone: list[Gone], patience: Patience) -> None:
        [leaf] = resolved(self.using, [period])
        settled, last_ids = self._listed(patience)
        labels = [
            label for rule in self.rules if rule.before >= period.end for label in rule.labels
        ]
        kept = KeptEvents(labels=tuple(labels))
        news = (period,) if self._stays(leaf, kept) else ()
        copies = Copies(using=self.using, olds=(leaf,), news=news, kept=kept)
        told = {
            "partition": leaf.name,
            "removed": [vars(one) for one in gone],
            "since": {rule.model: rule.before.isoformat() for rule in self.rules},
        }

        def in_lock(cursor: Any) -> None:
            refuse_others(cursor, self.holds, using=self.using)
            self._set_horizons(cursor, last_ids)
            own_events.write(self.using, own_events.MAINTENANCE, "retention", told)

        rewriting.rewrite(
            copies, patience, purpose=self._purpose(), settled=settled, in_lock=in_lock
        )

    def _listed(self, patience: Patience) -> tuple[Progress, dict[str, int]]:
        """Return up to where the list of what stays is complete, and the last id of each label.

        An earlier run may have left the list.
        """
        own = rewriting.fingerprint((), (), self._purpose())
        note = next((one.note for one in leftovers(self.using) if one.name == STAY), "")
        progress = Progress.read(note)
        table = f"{schema_of(self.using)}.{STAY}"
        if progress is None or progress.fingerprint != own:
            old = resolved(self.using, self.periods)
            settled = rewriting.settle(self.using, old, patience)
            progress = replace(settled, fingerprint=own)
            with transaction.atomic(using=self.using), connections[self.using].cursor() as cursor:
                cursor.execute(f"DROP TABLE IF EXISTS {table}")
                self._staying(table).make(cursor, temporary=False)
                cursor.execute(f"COMMENT ON TABLE {table} IS {quote_literal(progress.text())}")
        with connections[self.using].cursor() as cursor:
            return progress, self._staying(table).last_ids(cursor)

    def _set_horizons(self, cursor: Any, last_ids: Mapping[str, int]) -> None:
        for rule in self.rules:
            for label in rule.labels:
                cursor.execute(
                    "INSERT INTO pgaudit_log_horizon (model, since, last_id)"
                    " SELECT %s, %s, %s WHERE NOT EXISTS"
                    " (SELECT FROM pgaudit_log_horizon"
                    " WHERE model = %s AND since = %s AND reached_at IS NULL)",
                    [label, rule.before, last_ids.get(label, 0), label, rule.before],
                )


def _without_held(
    wanted: Sequence[Rule], standing: Sequence[Hold], *, explicit: bool
) -> tuple[list[Rule], list[str], list[str]]:
    """Return the rules of models that no hold keeps as a whole, and what is told of the others."""
    found, told = [], []
    for rule in wanted:
        holding = [one for one in standing if one.is_of_a_whole_model and one.model in rule.labels]
        if not holding:
            found.append(rule)
            continue
        told.append(f"All events of {rule.model} stay: {holding[0]}.")
    if explicit and told:
        return found, [], [f"{one} Release it first, or name other models." for one in told]
    return found, told, []


def _to_bounds(wanted: Sequence[Rule], periods: Sequence[Period]) -> list[Rule]:
    """Return the rules with the last bound of a partition before their moment; without any, not."""
    found = []
    for rule in wanted:
        ends = [period.end for period in periods if period.end <= rule.before]
        if ends:
            found.append(replace(rule, before=max(ends)))
    return found


def _is_reached(rule: Rule, using: str) -> bool:
    """Return whether all has been removed already, and no hold was released since."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(bool_and(EXISTS (SELECT FROM pgaudit_log_horizon AS own"
            " WHERE own.model = label AND own.since >= %s AND own.reached_at IS NOT NULL"
            " AND own.set_at > COALESCE("
            "(SELECT max(released_at) FROM pgaudit_log_hold), '-infinity'))), FALSE)"
            " FROM pg_catalog.unnest(%s::text[]) AS label",
            [rule.before, list(rule.labels)],
        )
        return bool(cursor.fetchone()[0])


def _period(leaf: Leaf) -> Period:
    assert leaf.period is not None
    return leaf.period


@contextmanager
def _taken_back(using: str) -> Iterator[Any]:
    """Yield a cursor in a transaction that leaves nothing in the database."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        try:
            yield cursor
        finally:
            transaction.set_rollback(True, using=using)
