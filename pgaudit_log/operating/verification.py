"""Verification: whether each object's events make a whole chain, and end with what the table has.

The database compares: one range of keys at a time, each by one statement, so that events and rows
are of one moment, and writers go on. Only what does not fit comes out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.declaring import declarations, model_labels
from pgaudit_log.diffs import current_rows
from pgaudit_log.exceptions import QueryError
from pgaudit_log.operating.chains import Chain, Difference, Touch
from pgaudit_log.operating.coverage import Coverage, of_history
from pgaudit_log.operating.findings import Finding
from pgaudit_log.operating.touch_sql import KeyRange, boundary_sql, touches_sql, untold_sql
from pgaudit_log.reading import moments
from pgaudit_log.timetravel import horizons, recorded_past
from pgaudit_log.timetravel.recorded_past import History
from pgaudit_log.values.pinned_settings import pinned
from pgaudit_log.values.row_json import MISSING
from pgaudit_log.values.sql_text import Sql
from pgaudit_log.values.tables import column_of, concrete

BATCH_SIZE = 50_000
"""Events a statement. All events of one key are in one."""

FETCHED = 1_000
"""Rows that are in the client's memory at a time."""

PLANNER = {"jit": "off", "work_mem": "64MB"}
"""Settings under which a range of keys is sorted in memory."""


def verify(
    models: Iterable[type[models.Model] | str] | None = None,
    *,
    using: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: str | None = None,
    batch_size: int = BATCH_SIZE,
    progress: Callable[[str, str], object] | None = None,
) -> Iterator[Finding]:
    """Yield what the trail and the tables say differently, and where the trail contradicts itself.

    Of each object, every event must have found what the one before it had left, and the table
    must have what the newest one left. What does not fit was written past the triggers, or changed
    in the event table. It only reads. :func:`coverage_of` says what of a model cannot be judged.

    Args:
        models: tracked models, or their labels; by default all.
        using: the database; by default the one that the routers give for writing.
        since: leave out what happened before an event of an earlier moment.
        until: look at the events up to a moment only, and not at the tables.
        after: go on behind this key of the one model, as ``progress`` was told it.
        batch_size: how many events a statement looks at.
        progress: called after each range of keys with the model's label and the last key of it.

    Raises:
        QueryError: for a model that is not tracked, for ``after`` with several models, a moment
            without a time zone, and a ``batch_size`` of less than 1.
    """
    chosen = _chosen(models)
    if after is not None and len(chosen) != 1:
        raise QueryError("A key to go on after is of one model. Name exactly one.")
    if batch_size < 1:
        raise QueryError(f"Cannot verify {batch_size} events at a time. Give 1 or more.")
    since, until = (None if at is None else moments.aware(at) for at in (since, until))
    verifications = [
        _Verification(
            model=model,
            using=using or router.db_for_write(model),
            since=since,
            until=until,
            batch_size=batch_size,
            progress=progress,
        )
        for model in chosen
    ]
    return _findings(verifications, after)


def _findings(verifications: Sequence[_Verification], after: str | None) -> Iterator[Finding]:
    for verification in verifications:
        yield from verification.findings(after)


def _chosen(given: Iterable[type[models.Model] | str] | None) -> list[type[models.Model]]:
    """Return the tracked models that are meant, each once.

    Raises:
        QueryError: for one that is not tracked, or not there.
    """
    if given is None:
        return [m for m in model_labels.tracked_models() if recorded_past.is_tracked(m)]
    found = []
    for one in given:
        model = model_labels.any_model(one) if isinstance(one, str) else one
        if model is None:
            raise QueryError(f'Cannot verify "{one}": there is no such model.')
        if not declarations.declarations_of(model):
            raise QueryError(f"Cannot verify {model._meta.label}: it is not tracked.")
        recorded_past.of_model(model)
        found.append(concrete(model))
    return [*dict.fromkeys(found)]


@dataclass(kw_only=True)
class _Verification:
    """The verification of one model in one database."""

    model: type[models.Model]
    using: str
    since: datetime | None
    until: datetime | None
    batch_size: int
    progress: Callable[[str, str], object] | None

    @cached_property
    def connection(self) -> BaseDatabaseWrapper:
        return connections[self.using]

    @cached_property
    def histories(self) -> list[tuple[History, Coverage]]:
        """What each declaration of the model knows of its rows, and how far it can be judged.

        Whether rows are there is told by the first that knows, so that it is told once.
        """
        found: list[tuple[History, Coverage]] = []
        for history in recorded_past.histories_of(self.model):
            own = of_history(history)
            has_inserts = not any(coverage.has_inserts for _, coverage in found)
            has_deletes = not any(coverage.has_deletes for _, coverage in found)
            coverage = replace(
                own,
                has_inserts=own.has_inserts and has_inserts,
                has_deletes=own.has_deletes and has_deletes,
            )
            found.append((history, coverage))
        return found

    @cached_property
    def horizon(self) -> datetime | None:
        """From when on all events are there; ``None`` where no retention has removed any."""
        found = horizons.horizon_of(self.model, self.connection.alias)
        return None if found is None else found.since

    @cached_property
    def is_partitioned(self) -> bool:
        """Whether a truncation may be of a part of the table only."""
        sql = Sql.plain("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(")
        name = self.connection.ops.quote_name(self.model._meta.db_table)
        return any(is_so for (is_so,) in _rows(self.connection, sql + Sql.param(name) + ")"))

    def findings(self, after: str | None) -> Iterator[Finding]:
        """Yield what does not fit: by ranges of keys, then the rows that no event tells of."""
        last, is_done = after, False
        while not is_done:
            with moments.today(), self._pinned():
                upper = self._boundary(last)
                keys = KeyRange(after=last, up_to=upper)
                found = [
                    difference
                    for history, coverage in self.histories
                    for difference in self._differences(history, coverage, keys)
                ]
                told = self._told(found)
            yield from told
            is_done, last = upper is None, upper
            if last is not None and self.progress is not None:
                self.progress(self.model._meta.label, last)
        if self.until is None:
            yield from self._untold()

    def _pinned(self) -> Any:
        return pinned(self.connection.alias, **PLANNER)

    def _boundary(self, last: str | None) -> str | None:
        [(history, _), *_] = self.histories
        sql = boundary_sql(history.table(self.connection.alias), last, self.batch_size)
        for (key,) in _rows(self.connection, sql):
            return str(key)
        return None

    def _differences(
        self, history: History, coverage: Coverage, keys: KeyRange
    ) -> Iterator[Difference]:
        chain = Chain(coverage=coverage, truncates_all=not self.is_partitioned)
        horizon = self.horizon
        sql = touches_sql(
            history, coverage, keys, self.connection, until=self.until, horizon=horizon
        )
        for row in _rows(self.connection, sql):
            touch = Touch.of(row)
            # What a retention has left of earlier events is no chain.
            is_judged = horizon is None or touch.at >= horizon
            for difference in chain.follow(touch):
                # The table is compared with the newest event, whenever that was.
                if (is_judged or difference.before is None) and self._is_asked_for(difference):
                    yield difference

    def _is_asked_for(self, difference: Difference) -> bool:
        before = difference.before
        return self.since is None or before is None or before.at >= self.since

    def _untold(self) -> Iterator[Finding]:
        """Yield the rows that no event tells of, where each would have one."""
        label = self.model._meta.label
        for history, coverage in self.histories:
            if not coverage.has_inserts:
                continue
            last: str | None = None
            while True:
                with self._pinned():
                    sql = untold_sql(history, last, self.batch_size, self.connection)
                    keys = [key for (key,) in _rows(self.connection, sql)]
                yield from (Finding(kind="unknown", model=label, key=key) for key in keys)
                if len(keys) < self.batch_size:
                    return
                last = keys[-1]

    def _told(self, differences: Sequence[Difference]) -> list[Finding]:
        """Return the findings of differences, each once, without values that only look otherwise.

        A column may have had another type, whose values look otherwise, when an event was written.
        """
        differences = [*dict.fromkeys(differences)]
        sides = [
            {difference.column: value}
            for difference in differences
            if difference.column is not None
            for value in (difference.expected, difference.found)
        ]
        using = self.connection.alias
        normal = iter(current_rows.normal(self.model, sides, using) if sides else ())
        values = iter(current_rows.typed(self.model, sides, using) if sides else ())
        names = {column_of(f): f.name for f in self.model._meta.local_concrete_fields if f.column}
        found = []
        for difference in differences:
            finding = Finding(
                kind=difference.kind,
                model=self.model._meta.label,
                key=difference.key,
                after=difference.after,
                before=difference.before,
            )
            if difference.column is None:
                found.append(finding)
                continue
            (expected, _), (there, _) = next(normal), next(normal)
            one, other = next(values), next(values)
            if expected == there:
                continue
            column = difference.column
            found.append(
                Finding(
                    kind=difference.kind,
                    model=finding.model,
                    key=finding.key,
                    field=names.get(column, column),
                    expected=one.get(column, MISSING),
                    found=other.get(column, MISSING),
                    after=finding.after,
                    before=finding.before,
                )
            )
        return found


def _rows(connection: BaseDatabaseWrapper, sql: Sql) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, a few at a time."""
    is_client_side = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    with connection.cursor() if is_client_side else connection.chunked_cursor() as cursor:
        cursor.execute(sql.text, sql.params)
        while rows := cursor.fetchmany(FETCHED):
            yield from rows
