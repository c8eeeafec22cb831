"""Time travel: querysets and objects as they were at a moment."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import models
from django.db.models import query as django_query
from django.db.models.fields.files import FieldFile
from django.db.models.manager import BaseManager

from pgaudit_log.exceptions import ReadOnlyError, UnknownPastError
from pgaudit_log.reading import moments
from pgaudit_log.reading.databases import moved
from pgaudit_log.reading.moments import Moment, PastDatabase, moment_of
from pgaudit_log.timetravel import past_classes, recorded_past, substitution
from pgaudit_log.timetravel.past_classes import PastQuerySet

__all__ = ["PastQuerySet", "as_of", "install", "query"]


@contextmanager
def as_of(moment: Any) -> Iterator[Moment]:
    """Read all tracked tables as they were at ``moment``, in every query of the block.

    Queries of the ORM that are run in the block, related objects too, see the rows of
    tracked tables as they were; tables that are not tracked are seen as they are.
    Writing to a tracked table through the ORM is refused. SQL by hand is left as it is.

    Args:
        moment: an aware datetime, or an event for the state just after it.

    Raises:
        QueryError: for what is no moment, or is in the future.
    """
    with moments.at(Moment.of(moment)) as point:
        yield point


def query(queryset: models.QuerySet[Any, Any], moment: Any) -> Any:
    """Return ``queryset``, of a tracked model, with its tables as they were at ``moment``.

    Filters, joins, aggregates and subqueries are carried out in the database, and see
    each tracked table as it was. Fields that are not tracked are NULL there, and raise when
    an object is asked for them.

    Raises:
        QueryError: for what is no moment, or a model that is not tracked.
    """
    queryset = _in_place_of(moment, queryset)
    point = Moment.of(moment, str(queryset.db))
    recorded_past.of_model(queryset.model)
    return past_classes.queryset_of(queryset, point)


def _in_place_of(moment: Any, queryset: Any) -> Any:
    """Return ``queryset`` in the database of an event; a time is of all.

    Raises:
        QueryError: when ``using()`` said another one, where the event says nothing.
    """
    is_event = isinstance(moment, models.Model) and moment._state.db is not None
    return moved(queryset, [moment], "as_of") if is_event else queryset


class _AsOf:
    """``as_of()`` of the managers and querysets of tracked models and of their typed events."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        model = instance.model
        if model is not None and recorded_past.is_tracked(model):
            return functools.partial(query, _rows(instance))
        if hasattr(model, "pgh_declaration"):
            return functools.partial(_events_as_of, _rows(instance))
        raise AttributeError(
            f"{type(instance).__name__!r} object has no attribute 'as_of': its model is not"
            " tracked. Decorate it with pgaudit_log.track()."
        )


def _rows(manager: Any) -> Any:
    return manager.get_queryset() if isinstance(manager, BaseManager) else manager


def _events_as_of(events: Any, moment: Any) -> Any:
    """Return the typed events in force at ``moment``: for each object that there was, its newest.

    Of the events of one object, ``order.events``, the object itself as it was.

    Raises:
        UnknownPastError: when the object may have been there, but was not tracked yet.
        DoesNotExist: when the object was not there.
    """
    obj = events._hints.get("instance")
    if obj is not None and recorded_past.is_tracked(obj._meta.model):
        rows: models.QuerySet[Any, Any] = models.QuerySet(
            obj._meta.model, using=str(obj._state.db or events.db)
        )
        return query(rows, moment).get(pk=obj.pk)
    events = _in_place_of(moment, events)
    return recorded_past.in_force(events, Moment.of(moment, str(events.db)))


def install() -> None:
    """Give ``as_of()`` to managers and querysets, and have Django's classes ask for the moment."""
    if "as_of" in vars(models.QuerySet):
        return
    # On the base classes, because each project has managers, querysets and models of its own.
    models.QuerySet.as_of = _AsOf()  # type: ignore[attr-defined]
    BaseManager.as_of = _AsOf()  # type: ignore[attr-defined]
    queryset: Any = models.QuerySet
    queryset.db = property(_db_of_moment(queryset.db.fget), doc=queryset.db.__doc__)
    queryset._fetch_all = _fetch_of_moment(queryset._fetch_all)
    model: Any = models.Model
    model.from_db = classmethod(_past_from_db(model.from_db.__func__))
    model.refresh_from_db = _refresh_of_moment(model.refresh_from_db)
    model.save_base = _unless_past(model.save_base)
    model.delete = _unless_past(model.delete)
    # They write the values of objects that they are given, without asking these.
    queryset.bulk_create = _unless_of_past(queryset.bulk_create)
    queryset.bulk_update = _unless_of_past(queryset.bulk_update)
    # They change the storage, and only then save the object.
    file: Any = FieldFile
    file.save = _unless_past(file.save, lambda file: file.instance)
    file.delete = _unless_past(file.delete, lambda file: file.instance)
    # Looked up in its module by each prefetch, at whatever level.
    query_module: Any = django_query
    query_module.prefetch_one_level = _prefetch_of_moment(query_module.prefetch_one_level)
    substitution.install()


def _db_of_moment(get: Any) -> Any:
    """Return ``QuerySet.db`` that says of which moment the database is meant."""

    def db(queryset: Any) -> Any:
        alias = get(queryset)
        related_to = getattr(queryset._hints.get("instance"), "_state", None)
        moment = moment_of(alias) or moment_of(getattr(related_to, "db", None))
        if moment is None and not queryset._for_write:
            moment = moments.current()
        if moment is None:
            return alias
        # An object that is not tracked is not of the past, unless it was reached from there:
        # Django keeps content types for good, wherever it met them.
        if related_to is None and not recorded_past.has_past(queryset.model):
            return str(alias)
        return PastDatabase.of(alias, moment)

    return db


def _fetch_of_moment(fetch_all: Any) -> Any:
    """Return ``QuerySet._fetch_all`` that knows what is unknown at its moment."""

    @functools.wraps(fetch_all)
    def _fetch_all(queryset: Any) -> None:
        is_new = queryset._result_cache is None
        fetch_all(queryset)
        moment = moment_of(queryset.db) if is_new and not queryset._result_cache else None
        if moment is not None and not queryset.query.is_empty():
            _refuse_unknown(queryset, moment)

    return _fetch_all


def _prefetch_of_moment(prefetch: Any) -> Any:
    """Return Django's prefetch that reads what belongs to objects of the past as it was."""

    @functools.wraps(prefetch)
    def prefetch_one_level(instances: Any, *args: Any, **kwargs: Any) -> Any:
        state = getattr(instances[0], "_state", None)
        moment = moment_of(getattr(state, "db", None)) or moments.current()
        with moments.at(moment) if moment is not None else nullcontext():
            return prefetch(instances, *args, **kwargs)

    return prefetch_one_level


def _refuse_unknown(queryset: Any, moment: Moment) -> None:
    if recorded_past.is_tracked(queryset.model):
        alias = queryset.query.get_initial_alias()
        keys = substitution.keys_asked_for(queryset.query, alias, queryset.model)
        recorded_past.refuse_unknown(queryset.model, moment, keys, using=str(queryset.db))


def _past_from_db(from_db: Any) -> Any:
    """Return ``Model.from_db`` that gives an object of the past its methods.

    What is not known of it is left out.
    """

    @functools.wraps(from_db)
    def wrapper(model: Any, db: Any, *args: Any, **kwargs: Any) -> Any:
        obj = from_db(model, db, *args, **kwargs)
        if isinstance(db, PastDatabase):
            for field in db.unknown_of(model, recorded_past.untracked_fields):
                obj.__dict__.pop(field.attname, None)
            past_classes.make_past(obj)
        return obj

    return wrapper


def _refresh_of_moment(refresh: Any) -> Any:
    """Return ``Model.refresh_from_db`` that reads an object of the past as it was."""

    @functools.wraps(refresh)
    def refresh_from_db(
        obj: Any, using: str | None = None, fields: Any = None, from_queryset: Any = None
    ) -> None:
        moment = moment_of(obj._state.db)
        if moment is None:
            refresh(obj, using, fields, from_queryset)
            if moment_of(obj._state.db) is not None:
                past_classes.make_past(obj)
            return
        fields = None if fields is None else list(fields)
        for field in recorded_past.untracked_fields(obj._meta.model):
            if field.attname in (fields or ()) or field.name in (fields or ()):
                raise UnknownPastError(
                    f"{obj._meta.label}.{field.name} is not tracked, so that its value at"
                    f" {moment} is unknown."
                )
        with moments.at(moment):
            refresh(obj, PastDatabase.of(using or obj._state.db, moment), fields, from_queryset)

    return refresh_from_db


def _unless_past(method: Any, object_of: Any = lambda obj: obj) -> Any:
    """Return a method of an object, or of its file, that refuses objects of the past."""

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_writing(object_of(self))
        return method(self, *args, **kwargs)

    return wrapper


def _refuse_writing(obj: Any) -> None:
    moment = moment_of(getattr(getattr(obj, "_state", None), "db", None))
    if moment is not None:
        raise ReadOnlyError(
            f"{obj._meta.label} {obj.pk} is how it was at {moment}. Writing it would undo"
            " later changes: call pgaudit_log.reversal.revert() to go back."
        )


def _unless_of_past(method: Any) -> Any:
    """Return a method of a queryset that writes objects, and refuses those of the past."""

    @functools.wraps(method)
    def wrapper(queryset: Any, objs: Any, *args: Any, **kwargs: Any) -> Any:
        objs = list(objs)
        for obj in objs:
            _refuse_writing(obj)
        return method(queryset, objs, *args, **kwargs)

    return wrapper
