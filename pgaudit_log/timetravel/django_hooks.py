"""Django's hooks for the past: every patch of Django that time travel makes.

A new Django may go other ways than these: :mod:`self_check` looks whether they work. What depends on a
version of Django stands here, and nowhere else in this room.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from django import get_version
from django.db import models
from django.db.models import query as django_query
from django.db.models.fields.files import FieldFile
from django.db.models.manager import BaseManager
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable, Join

from pgaudit_log import timetravel
from pgaudit_log.exceptions import QueryError, ReadOnlyError, UnknownPastError
from pgaudit_log.reading import moments
from pgaudit_log.reading.masked_fields import masked_fields
from pgaudit_log.reading.moments import Moment, PastDatabase, moment_of
from pgaudit_log.readonly import reader
from pgaudit_log.timetravel import horizons, past_classes, recorded_past, substitution
from pgaudit_log.values.row_json import MASKED

_WRITING = ("SQLInsertCompiler", "SQLUpdateCompiler", "SQLDeleteCompiler")


class _AsOf:
    """``as_of()`` of the managers and querysets of tracked models and of their typed events."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        model = instance.model
        if model is not None and recorded_past.is_tracked(model):
            return functools.partial(timetravel.query, _rows(instance))
        if hasattr(model, "pgh_declaration"):
            return functools.partial(timetravel.events_as_of, _rows(instance))
        raise AttributeError(
            f"{type(instance).__name__!r} object has no attribute 'as_of': its model is not"
            " tracked. Decorate it with pgaudit_log.track()."
        )


def _rows(manager: Any) -> Any:
    return manager.get_queryset() if isinstance(manager, BaseManager) else manager


def _as_of(absent: None) -> _AsOf:
    return _AsOf()


def _db_of_moment(original: Any) -> Any:
    """Return ``QuerySet.db`` that says of which moment the database is meant."""
    get = original.fget

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

    return property(db, doc=original.__doc__)


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


def _past_from_db(original: Any) -> Any:
    """Return ``Model.from_db`` that gives an object of the past its methods.

    What is not known of it is left out.
    """
    from_db = original.__func__

    @functools.wraps(from_db)
    def wrapper(model: type[models.Model], db: Any, *args: Any, **kwargs: Any) -> Any:
        obj = from_db(model, db, *args, **kwargs)
        if isinstance(db, PastDatabase):
            for field in db.unknown_of(model, recorded_past.untracked_fields):
                obj.__dict__.pop(field.attname, None)
            for field in db.unknown_of(model, masked_fields):
                if field.attname in obj.__dict__:
                    obj.__dict__[field.attname] = MASKED
                    if field.is_relation:
                        obj._state.fields_cache[field.name] = MASKED
            past_classes.make_past(obj)
        return obj

    return classmethod(wrapper)


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


def _unless_past(method: Any) -> Any:
    """Return a method of an object, or of its file, that refuses objects of the past."""

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_writing(self.instance if isinstance(self, FieldFile) else self)
        return method(self, *args, **kwargs)

    return wrapper


def _unless_of_past(method: Any) -> Any:
    """Return a method of a queryset that writes objects, and refuses those of the past."""

    @functools.wraps(method)
    def wrapper(queryset: Any, objs: Any, *args: Any, **kwargs: Any) -> Any:
        objs = list(objs)
        for obj in objs:
            _refuse_writing(obj)
        return method(queryset, objs, *args, **kwargs)

    return wrapper


def _refuse_writing(obj: Any) -> None:
    moment = moment_of(getattr(getattr(obj, "_state", None), "db", None))
    if moment is not None:
        raise ReadOnlyError(
            f"{obj._meta.label} {obj.pk} is how it was at {moment}. Writing it would undo"
            " later changes: call pgaudit_log.reversal.revert() to go back."
        )


def _asking_for_moment(get_compiler: Any) -> Any:
    """Return ``Query.get_compiler`` that keeps the query's moment for the queries inside it."""

    @functools.wraps(get_compiler)
    def wrapper(query: Any, using: Any = None, *args: Any, **kwargs: Any) -> Any:
        compiler = get_compiler(query, using, *args, **kwargs)
        own = query.__dict__.get("pgh_moment") or moment_of(using)
        moment = own or moments.current()
        if moment is None:
            return compiler
        if query.compiler in _WRITING:
            if own or reader.get() or recorded_past.is_tracked(query.model):
                _refuse_write(query.model, moment)
            return compiler
        # Rows of a subquery depend on no key, whatever Django knows of their table.
        compiler.collapse_group_by = lambda expressions, having: expressions
        compiler.execute_sql = horizons.hidden_told()(compiler.execute_sql)
        if own:
            compiler.as_sql = _at(own, compiler.as_sql)
        return compiler

    return wrapper


def _of_one_moment(combine: Any) -> Any:
    """Return ``Query.combine``, of ``&``, ``|`` and ``^``, that gives up no moment: the first one's
    would be that of all conditions."""

    @functools.wraps(combine)
    def wrapper(query: Any, other: Any, connector: str) -> None:
        own, others = (q.__dict__.get("pgh_moment") for q in (query, other))
        if others is not None and others != own:
            raise QueryError(
                f"{other.model._meta.label} as of {others} cannot be combined with {connector} into a"
                f" queryset {f'as of {own}' if own else 'of today'}: a query has one moment. Take"
                " union(), or filter(pk__in=…)."
            )
        combine(query, other, connector)

    return wrapper


def _refuse_write(model: type[models.Model], moment: Moment) -> None:
    raise ReadOnlyError(
        f"{model._meta.label} cannot be written as of {moment}: the past can only be read. Leave"
        " the block, or fetch the objects as they are today."
    )


def _at(moment: Moment, as_sql: Any) -> Any:
    @functools.wraps(as_sql)
    def at_moment(*args: Any, **kwargs: Any) -> Any:
        with moments.at(moment):
            return as_sql(*args, **kwargs)

    return at_moment


def _from_item(absent: None) -> Any:
    # Django compiles a FROM item by its method for the vendor, if it has one.
    return substitution.from_item_sql


@dataclass(frozen=True, kw_only=True)
class Hook:
    """One patch: an attribute of Django's in whose place ours stands, or one that is new."""

    owner: Any
    """The class or module of Django's."""
    name: str
    replacement: Callable[[Any], Any]
    """Returns what shall stand there, given what does; ``None`` is given where nothing does."""
    since: str
    """The first Django that has what is replaced as this takes it, or that asks for what is new."""
    is_new: bool = False

    @property
    def label(self) -> str:
        """Its name in Django, such as ``QuerySet._fetch_all``."""
        return f"{self.owner.__name__.rpartition('.')[2]}.{self.name}"


HOOKS = (
    # as_of(). On the base classes, because each project has managers, querysets and models of its own.
    Hook(owner=models.QuerySet, name="as_of", replacement=_as_of, since="1.0", is_new=True),
    Hook(owner=BaseManager, name="as_of", replacement=_as_of, since="1.8", is_new=True),
    # Of which moment the database is that a queryset, and so its objects, are of.
    Hook(owner=models.QuerySet, name="db", replacement=_db_of_moment, since="1.7"),
    # An empty result may be one of which nothing is known.
    Hook(owner=models.QuerySet, name="_fetch_all", replacement=_fetch_of_moment, since="1.6"),
    # Objects of the past know it, are read again as they were, and are never written.
    Hook(owner=models.Model, name="from_db", replacement=_past_from_db, since="1.8"),
    Hook(
        # from_queryset came with 5.1.
        owner=models.Model,
        name="refresh_from_db",
        replacement=_refresh_of_moment,
        since="5.1",
    ),
    Hook(owner=models.Model, name="save_base", replacement=_unless_past, since="1.0"),
    Hook(owner=models.Model, name="delete", replacement=_unless_past, since="1.0"),
    # They write the values of objects that they are given, without asking these.
    Hook(owner=models.QuerySet, name="bulk_create", replacement=_unless_of_past, since="1.4"),
    Hook(owner=models.QuerySet, name="bulk_update", replacement=_unless_of_past, since="2.2"),
    # They change the storage, and only then save the object.
    Hook(owner=FieldFile, name="save", replacement=_unless_past, since="1.0"),
    Hook(owner=FieldFile, name="delete", replacement=_unless_past, since="1.0"),
    # Looked up in its module by each prefetch, at whatever level.
    Hook(
        owner=django_query,
        name="prefetch_one_level",
        replacement=_prefetch_of_moment,
        since="1.4",
    ),
    # Each query asks for its moment, and each FROM item for that of its query.
    Hook(owner=Query, name="get_compiler", replacement=_asking_for_moment, since="4.0"),
    Hook(owner=Query, name="combine", replacement=_of_one_moment, since="1.2"),
    Hook(owner=BaseTable, name="as_postgresql", replacement=_from_item, since="1.8", is_new=True),
    Hook(owner=Join, name="as_postgresql", replacement=_from_item, since="1.8", is_new=True),
)
"""All that time travel patches, in the order in which it is put in place."""

_is_installed = False


def install() -> None:
    """Put all hooks in place, once.

    Raises:
        RuntimeError: when Django no longer has what one of them stands in for.
    """
    global _is_installed  # noqa: PLW0603 - a process has one Django
    if _is_installed:
        return
    for hook in HOOKS:
        original = vars(hook.owner).get(hook.name)
        if original is None and not hook.is_new:
            raise RuntimeError(
                f"pgaudit_log replaces {hook.label}, which Django {get_version()} does not have."
                " Take a version of Django that this one of pgaudit_log is made for."
            )
        setattr(hook.owner, hook.name, hook.replacement(original))
    _is_installed = True
