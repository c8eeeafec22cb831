"""Moments: which events belong to the past that is asked for, and in which block it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from django.conf import settings
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.utils import timezone as time_zones

from pgaudit_log.exceptions import QueryError
from pgaudit_log.readonly import reader
from pgaudit_log.values import causal_order
from pgaudit_log.values.sql_text import Sql


def aware(value: datetime) -> datetime:
    """Return ``value`` with its time zone: with ``USE_TZ = False`` that of the project.

    Raises:
        QueryError: for a datetime without one, where the project's datetimes have one.
    """
    if not time_zones.is_naive(value):
        return value
    if not settings.USE_TZ:
        return time_zones.make_aware(value, time_zones.get_default_timezone())
    raise QueryError(
        f"The moment {value.isoformat()} has no time zone, so that it is not one moment. Give an"
        " aware datetime, such as django.utils.timezone.make_aware(value)."
    )


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A point of the trail: a time, or just after an event. Exactly one of the two is given."""

    at: datetime | None = None
    """Events of transactions that began at this time or earlier belong to its past."""
    after: int | None = None
    """Events up to the one with this ``pgh_id`` belong to its past."""
    txid: int | None = None
    """The transaction of that event, if it is known: its events have an order of their own."""
    turn: int | None = None
    """The ``pgh_turn`` of that event."""

    @classmethod
    def of(cls, value: object, using: str = DEFAULT_DB_ALIAS) -> Moment:
        """Return the moment that ``value`` means: an aware datetime, an event, or a moment.

        Raises:
            QueryError: for anything else, such as a datetime without a time zone, and for one
                that is in the future of the database ``using``.
        """
        if isinstance(value, Moment):
            return value
        if isinstance(value, datetime):
            at = aware(value)
            _refuse_future(at, using)
            return cls(at=at)
        id = getattr(value, "pgh_id", None)
        if isinstance(value, models.Model) and isinstance(id, int):
            return cls(
                after=id,
                txid=getattr(value, "pgh_txid", None),
                turn=getattr(value, "pgh_turn", None),
            )
        raise QueryError(
            f"{value!r} is no moment of the trail. Give an aware datetime, or an event for the"
            " state just after it."
        )

    @property
    def sql(self) -> Sql:
        """The test whether ``event`` belongs to its past."""
        if self.at is not None:
            return "event.created_at <= " + Sql.param(self.at)
        assert self.after is not None
        if self.txid is None:
            return "event.id <= " + Sql.param(self.after)
        return causal_order.up_to_sql("event", self.after, self.txid, self.turn)

    @property
    def past(self) -> models.Q:
        """The filter of events that belong to its past."""
        if self.at is not None:
            return models.Q(pgh_created_at__lte=self.at)
        assert self.after is not None
        if self.txid is None:
            return models.Q(pgh_id__lte=self.after)
        return causal_order.up_to(self.after, self.txid, self.turn)

    def __str__(self) -> str:
        return self.at.isoformat() if self.at is not None else f"event {self.after}"


def _clock() -> datetime:
    return datetime.now(tz=timezone.utc)


def _refuse_future(at: datetime, using: str) -> None:
    """Raise if a time has not come yet, by this machine's clock and by the database's.

    The second is asked only where the first says so: an event may have a time that this
    machine's clock, being slow, has not reached.
    """
    now = _clock()
    if at <= now:
        return
    connection = connections[using]
    # In a coroutine the database cannot be asked.
    with suppress(SynchronousOnlyOperation):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT EXTRACT(epoch FROM pg_catalog.clock_timestamp())::float8")
                now = max(now, datetime.fromtimestamp(cursor.fetchone()[0], tz=timezone.utc))
    if at > now:
        raise QueryError(
            f"{at.isoformat()} is in the future: it is {now.isoformat()} now. What the rows will be"
            " is not known. For the rows as they are, leave as_of() out."
        )


_current: ContextVar[Moment | None] = ContextVar("pgaudit_log_moment", default=None)


def current() -> Moment | None:
    """Return the moment of the innermost block, or ``None`` outside of all."""
    return _current.get()


@contextmanager
def at(moment: Moment) -> Iterator[Moment]:
    """Read tracked tables as they were at ``moment`` in all queries that are compiled in the block."""
    token = _current.set(moment)
    try:
        yield moment
    finally:
        _current.reset(token)


@contextmanager
def only_reading(moment: Moment, what: str) -> Iterator[None]:
    """Do what :func:`at` does, and refuse ``what`` runs in the block to write, to whatever table."""
    token, outer = _current.set(moment), reader.set((what, moment))
    try:
        yield
    finally:
        reader.reset(outer)
        _current.reset(token)


@contextmanager
def today() -> Iterator[None]:
    """Read tracked tables as they are in all queries that are compiled in the block."""
    token, outer = _current.set(None), reader.set(None)
    try:
        yield
    finally:
        reader.reset(outer)
        _current.reset(token)


class PastDatabase(str):
    """The alias of a database as it was at a moment.

    Objects of the past have it in their ``_state.db``, so that Django asks it for their
    related objects, too.
    """

    moment: Moment
    _unknown: dict[Any, Any]

    @classmethod
    def of(cls, alias: str, moment: Moment) -> PastDatabase:
        """Return the database ``alias`` as it was at ``moment``."""
        past = cls(alias)
        past.moment = moment
        past._unknown = {}
        return past

    def unknown_of(self, model: type[models.Model], find: Callable[[Any], Any]) -> Any:
        """Return what ``find`` says of ``model``; it is asked once a queryset, not once a row."""
        if (model, find) not in self._unknown:
            self._unknown[model, find] = find(model)
        return self._unknown[model, find]

    def __reduce__(self) -> tuple[Any, ...]:
        return PastDatabase.of, (str(self), self.moment)


def moment_of(alias: Any) -> Moment | None:
    """Return the moment of a :class:`PastDatabase`; ``None`` for today's, and for no alias."""
    return alias.moment if isinstance(alias, PastDatabase) else None
