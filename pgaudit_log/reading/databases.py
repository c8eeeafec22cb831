"""Places: the database in which events are asked for, which is the one that has what they are asked of.

Each database with tracked tables has an event table of its own. A key, a transaction or a
position means nothing in that of another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, models, router
from django.db.models.base import ModelState

from pgaudit_log.exceptions import QueryError


class _Asked(NamedTuple):
    """What a queryset was given, without the object itself."""

    method: str
    model: type[models.Model]
    place: str

    @classmethod
    def of(cls, given: Any, method: str, *, told: bool) -> _Asked:
        """Return it of an object or a queryset."""
        model = given.model if isinstance(given, models.QuerySet) else type(given)
        return cls(method, model, str(_place(given, told=told)))

    def is_related(self, events: type[models.Model], using: str) -> bool:
        """Return whether the routers take two databases for one, as a primary and its replicas."""
        return bool(router.allow_relation(_row(events, using), _row(self.model, self.place)))

    def refuse_elsewhere(self, events: type[models.Model], using: str) -> None:
        """Raise if ``using`` is another database.

        Raises:
            QueryError: names both.
        """
        if self.place != using and not self.is_related(events, using):
            raise QueryError(
                f'{self.method}() was given what is in the database "{self.place}", and using() says'
                f' "{using}", whose events are of other objects. Leave out using().'
            )


AsksInPlaceT = TypeVar("AsksInPlaceT", bound="AsksInPlace")


class AsksInPlace:
    """A mixin for querysets that goes where the objects are that it is given."""

    model: Any
    db: Any
    _db: Any
    _asked: _Asked | None = None
    """Of what it was asked, if that is in a database."""

    def _clone(self) -> Any:
        clone: Any = super()._clone()  # type: ignore[misc]
        clone._asked = self._asked
        return clone

    def using(self: AsksInPlaceT, alias: str | None) -> AsksInPlaceT:
        """Return the same of another database.

        Raises:
            QueryError: when it was asked for the events of an object of another one.
        """
        if self._asked is not None:
            self._asked.refuse_elsewhere(self.model, alias or DEFAULT_DB_ALIAS)
        return cast("AsksInPlaceT", super().using(alias))  # type: ignore[misc]

    def _in_place_of(self: AsksInPlaceT, given: Iterable[Any], method: str) -> AsksInPlaceT:
        """Return this queryset in the database of objects and querysets; others say nothing.

        Raises:
            QueryError: when they are of several, or ``using()`` said another one.
        """
        queryset: Any = self
        found = [one for one in given if _place(one, told=self._db is not None) is not None]
        if found:
            queryset = moved(queryset, found, method)._chain()
            queryset._asked = _Asked.of(found[0], method, told=self._db is not None)
        return cast("AsksInPlaceT", queryset)

    def _all_here(self, given: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what a method was given, with lists for querysets of other databases.

        Nothing in this one can be joined with those.
        """
        return tuple(
            self._all_here(tuple(one))
            if isinstance(one, (list, tuple, set, frozenset))
            else list(one)
            if isinstance(one, models.QuerySet) and str(one.db) != str(self.db)
            else one
            for one in given
        )


def database_of(model: type[models.Model], *, beside: str) -> str:
    """Return the database in which objects of a model are that rows of another one point at.

    Where the routers keep the model out of that, it is one that they read it from.
    """
    return beside if router.allow_migrate_model(beside, model) else router.db_for_read(model)


def moved(queryset: Any, given: Sequence[Any], method: str) -> Any:
    """Return ``queryset`` in the database of objects and querysets, at least one of them.

    Raises:
        QueryError: when they are of several, or ``using()`` said another one.
    """
    asked = _Asked.of(given[0], method, told=queryset._db is not None)
    for other in given[1:]:
        place = str(_place(other))
        if place != asked.place and not asked.is_related(queryset.model, place):
            raise QueryError(
                f'{method}() was given what is in the database "{asked.place}", and in "{place}".'
                " Ask for the events of each by itself."
            )
    if queryset._db is None:
        return models.QuerySet.using(queryset, asked.place)
    asked.refuse_elsewhere(queryset.model, str(queryset._db))
    return queryset


def _place(given: Any, *, told: bool = False) -> str | None:
    """Return the database of an object or queryset; ``None`` for what is of none.

    If ``told`` where to look, a queryset that was not goes there, too.
    """
    if isinstance(given, models.QuerySet):
        alias = given._db if told else given.db  # type: ignore[attr-defined]
    elif isinstance(given, models.Model):
        alias = given._state.db
    else:
        return None
    return None if alias is None else str(alias)


def _row(model: type[models.Model], using: str) -> models.Model:
    """Return an instance of which nothing is known but where it is; no code of the model's runs."""
    row = model.__new__(model)
    row._state = ModelState()
    row._state.db = using
    return row
