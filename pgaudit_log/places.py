"""Places: the database in which events are asked for, which is the one that has what they are asked of.

Each database with tracked tables has an event table of its own. A key, a transaction or a
position means nothing in that of another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, models, router
from django.db.models.base import ModelState

from pgaudit_log.exceptions import QueryError

AsksInPlaceT = TypeVar("AsksInPlaceT", bound="AsksInPlace")


class AsksInPlace:
    """A mixin for querysets that goes where the objects are that it is given."""

    model: Any
    db: Any
    _db: Any
    _asked_of: tuple[str, Any] | None = None
    """The method that was given objects of a database, and one of those."""

    def _clone(self) -> Any:
        clone: Any = super()._clone()  # type: ignore[misc]
        clone._asked_of = self._asked_of
        return clone

    def using(self, alias: str | None) -> Any:
        """Return the same of another database.

        Raises:
            QueryError: when it was asked for the events of an object of another one.
        """
        if self._asked_of is not None:
            _refuse_elsewhere(self.model, alias or DEFAULT_DB_ALIAS, *self._asked_of)
        return super().using(alias)  # type: ignore[misc]

    def _in_place_of(self: AsksInPlaceT, given: Iterable[Any], method: str) -> AsksInPlaceT:
        """Return this queryset in the database of objects and querysets; others say nothing.

        Raises:
            QueryError: when they are of several, or ``using()`` said another one.
        """
        queryset: Any = self
        found = [one for one in given if _place(one, told=self._db is not None) is not None]
        if found:
            queryset = moved(queryset, found, method)._chain()
            queryset._asked_of = method, found[0]
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


def moved(queryset: Any, given: Sequence[Any], method: str) -> Any:
    """Return ``queryset`` in the database of objects and querysets, at least one of them.

    Raises:
        QueryError: when they are of several, or ``using()`` said another one.
    """
    model, place = queryset.model, str(_place(given[0]))
    for other in given[1:]:
        if _place(other) != place and not _is_related(model, place, other):
            raise QueryError(
                f'{method}() was given what is in the database "{place}", and in'
                f' "{_place(other)}". Ask for the events of each by itself.'
            )
    if queryset._db is None:
        return models.QuerySet.using(queryset, place)
    _refuse_elsewhere(model, str(queryset._db), method, given[0])
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


def _refuse_elsewhere(model: type[models.Model], using: str, method: str, given: Any) -> None:
    place = _place(given, told=True)
    if place not in (None, str(using)) and not _is_related(model, using, given):
        raise QueryError(
            f"{method}() was given {given.model if isinstance(given, models.QuerySet) else given!r} of"
            f' the database "{place}", and using() says "{using}", whose events are of other objects.'
            " Leave out using()."
        )


def _is_related(model: type[models.Model], using: str, given: Any) -> bool:
    """Return whether the routers take two databases for one, as for a primary and its replicas."""
    obj = given.model if isinstance(given, models.QuerySet) else type(given)
    return bool(router.allow_relation(_row(model, using), _row(obj, str(_place(given)))))


def _row(model: type[models.Model], using: str) -> models.Model:
    """Return an instance of which nothing is known but where it is; no code of the model's runs."""
    row = model.__new__(model)
    row._state = ModelState()
    row._state.db = using
    return row
