"""Past classes: objects, managers and querysets of the past, whose methods read it and never write.

Django hands an object to the queries about it only where it goes through its descriptors. Methods
such as ``get_next_in_order()``, and those of a project or a library, ask the class, which knows
of no moment. So an object of the past has a subclass of its model that runs each of them as of
its moment, and gives what they return the same moment.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NoReturn

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.manager import BaseManager
from django.db.models.query import RawQuerySet
from django.db.models.query_utils import DeferredAttribute

from pgaudit_log.exceptions import QueryError, ReadOnlyError
from pgaudit_log.reading import moments
from pgaudit_log.reading.event_model import ReadOnlyModel
from pgaudit_log.reading.moments import Moment, PastDatabase, moment_of
from pgaudit_log.readonly import RefusesWrites

Reading = Callable[[], AbstractContextManager[None]]
"""Makes the block in which a method of the past runs."""

_CALLED = (types.FunctionType, types.MethodType, functools.partial)
"""What runs only when it is called: methods, and those that Django makes out of others."""

_NO_QUERIES = frozenset({"pk", "_get_pk_val", "_set_pk_val", "_is_pk_set", "get_deferred_fields"})
"""What Django calls often, and what only looks at the object."""

_SPECIAL = frozenset(
    f"__{name}__"
    for name in ("str", "format", "html", "len", "iter", "contains", "getitem", "bool", "call")
)
"""The special methods that a project may give its classes, and that may ask the database."""

_WRITES_RELATED = frozenset(
    {"add", "aadd", "clear", "aclear", "remove", "aremove", "set", "aset"}
    | {name for name in vars(RefusesWrites) if not name.startswith("_")}
)
"""The methods of related managers that write, also where there is nothing to be written."""


class PastQuerySet(RefusesWrites, models.QuerySet[Any, Any]):
    """The rows of a table as they were at a moment; everything that reads works."""

    _db: PastDatabase

    @property
    def moment(self) -> Moment:
        """The moment at which the rows are seen."""
        return self._db.moment

    def using(self, alias: str | None) -> Any:
        """Return the same of another database, as it was at the same moment."""
        return super().using(PastDatabase.of(alias or DEFAULT_DB_ALIAS, self.moment))

    def raw(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise: SQL by hand reads the tables as they are.

        Raises:
            QueryError: always.
        """
        raise _reads_today(self.model, self.moment)

    def __reduce__(self) -> tuple[Any, ...]:
        return _empty_queryset, (type(self).__bases__[1],), self.__getstate__()

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise _only_read(self.model._meta.label, self.moment)


class PastObject:
    """An object as it was at a moment: its methods read what there was then."""

    def __init_subclass__(cls) -> None:
        """Leave out what the model does with its subclasses: this is none of its own."""

    def __reduce__(self) -> Any:
        reduced: Any = super().__reduce__()
        make, arguments, *state = reduced
        return _empty_object, (make, *arguments), *state


class _PastManager:
    """A manager that an object of the past has given."""

    pgh_moment: Moment
    model: type[models.Model]

    def __init_subclass__(cls) -> None:
        """Leave out what the manager does with its subclasses."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise _only_read(self.model._meta.label, self.pgh_moment)


def _only_read(what: str, moment: Moment) -> ReadOnlyError:
    return ReadOnlyError(
        f"{what} as of {moment} can only be read. To go back, call pgaudit_log.reversal.revert()."
    )


def _reads_today(model: Any, moment: Moment) -> QueryError:
    return QueryError(
        f"raw() would read {model._meta.label} as it is today, not as of {moment}. Use the ORM, or"
        " query the event table yourself."
    )


def _empty_queryset(cls: Any) -> Any:
    """Return an empty queryset of the past for pickle to fill."""
    past = queryset_class(cls)
    return past.__new__(past)


def _empty_object(make: Any, *arguments: Any) -> Any:
    """Return what Django makes for pickle to fill, as an object of the past."""
    obj = make(*arguments)
    make_past(obj)
    return obj


def queryset_of(queryset: Any, moment: Moment) -> Any:
    """Return ``queryset`` with its tables as they were at ``moment``; what it has fetched stays."""
    past: Any = queryset._chain()
    cls: Any = type(past)
    past.__class__ = queryset_class(cls)
    past.query.pgh_moment = moment
    past._db = PastDatabase.of(queryset.db, moment)
    if queryset._result_cache is not None:
        past._result_cache = queryset._result_cache
        past._prefetch_done = queryset._prefetch_done
    return past


def make_past(obj: Any) -> None:
    """Give an object whose database is of the past the methods of one."""
    if not isinstance(obj, PastObject | ReadOnlyModel):
        obj.__class__ = object_class(type(obj))


@functools.cache
def queryset_class(cls: Any) -> Any:
    """Return ``cls`` as a class of the past, so that a user's own queryset keeps its methods."""
    if issubclass(cls, PastQuerySet):
        return cls
    own = _methods(cls, _moment_of_queryset, leave=set(PastQuerySet.__mro__))
    return type(f"Past{cls.__name__}", (PastQuerySet, cls), {"__module__": __name__, **own})


@functools.cache
def _manager_class(cls: Any) -> Any:
    own: dict[str, Any] = _methods(cls, _moment_of_manager, leave={object})
    own.update((name, _PastManager._refuse) for name in _WRITES_RELATED if hasattr(cls, name))
    return type(cls)(cls.__name__, (_PastManager, cls), {"__module__": cls.__module__, **own})


_object_classes: dict[type[models.Model], tuple[Any, Any]] = {}


def object_class(model: Any) -> Any:
    """Return the class that objects of ``model`` have that are of the past."""
    if issubclass(model, ReadOnlyModel | PastObject):
        return model
    # Django replaces this where a model has come that may have given others new attributes.
    fields = model._meta._get_fields_cache
    known, found = _object_classes.get(model, (None, None))
    if found is None or known is not fields:
        found = _new_object_class(model)
        _object_classes[model] = fields, found
    return found


def _new_object_class(model: type[models.Model]) -> Any:
    def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
        # A method that makes another object of its own class makes none of the past.
        return model(*args, **kwargs)

    namespace = {
        **_methods(model, _moment_of_object, leave={object}),
        "__module__": model.__module__,
        "__qualname__": model.__qualname__,
        "__doc__": model.__doc__,
        "__new__": new,
        # Whoever asks an object for its model gets the one that is known everywhere.
        "__class__": property(lambda self: model),
    }
    # Not by calling the metaclass, which would register another model.
    return type.__new__(type(model), model.__name__, (PastObject, model), namespace)


def _moment_of_object(obj: Any) -> Moment | None:
    return moment_of(obj._state.db)


def _moment_of_queryset(queryset: Any) -> Moment | None:
    return moment_of(queryset._db)


def _moment_of_manager(manager: Any) -> Moment:
    moment: Moment = manager.pgh_moment
    return moment


def _methods(
    cls: type[models.Model], moment: Callable[[Any], Moment | None], *, leave: set[Any]
) -> Any:
    """Return what stands, in a class of the past, for the attributes of ``cls`` that may ask the
    database: all that compute something, but those of the classes in ``leave``."""
    found: dict[str, Any] = {}
    for owner in reversed(cls.__mro__):
        for name, attribute in vars(owner).items():
            if name in _NO_QUERIES or (name.startswith("__") and name not in _SPECIAL):
                continue
            found.pop(name, None)
            kind = type(attribute)
            if owner in leave or not hasattr(kind, "__get__") or _is_plain_field(attribute):
                continue
            is_data = hasattr(kind, "__set__") or hasattr(kind, "__delete__")
            found[name] = (_WrittenAttribute if is_data else _Attribute)(cls, name, moment)
    return found


def _is_plain_field(attribute: Any) -> bool:
    """Return whether an attribute reads a column of the object, which is asked for most often."""
    return isinstance(attribute, DeferredAttribute)


class _Attribute:
    """An attribute of a class of the past: what its own class has, run as of the moment.

    It is looked up each time, so that what a test or a library puts in its place counts.
    """

    def __init__(
        self, owner: type[models.Model], name: str, moment: Callable[[Any], Moment | None]
    ) -> None:
        self.owner = owner
        self.name = name
        self.moment = moment

    def __get__(self, obj: Any, cls: Any = None) -> Any:
        if obj is None:
            return getattr(self.owner, self.name)
        attribute = self._original()
        moment = self.moment(obj)
        get = getattr(type(attribute), "__get__", None)
        if get is None:
            return attribute
        if moment is None:
            return get(attribute, obj, self.owner)
        reading = functools.partial(moments.only_reading, moment, self.owner.__name__)
        with reading():
            value = get(attribute, obj, self.owner)
        if isinstance(value, _CALLED):
            return _method(value, moment, reading)
        value = given(value, moment, reading)
        cached = getattr(obj, "__dict__", {})
        if self.name in cached:  # by a cached_property
            cached[self.name] = value
        return value

    def _original(self) -> Any:
        for base in self.owner.__mro__:
            if self.name in vars(base):
                return vars(base)[self.name]
        raise AttributeError(f"{self.owner.__name__!r} object has no attribute {self.name!r}")


class _WrittenAttribute(_Attribute):
    """An attribute that can be set, such as a foreign key's object."""

    def __set__(self, obj: Any, value: object) -> None:
        attribute = self._original()
        type(attribute).__set__(attribute, obj, value)

    def __delete__(self, obj: Any) -> None:
        attribute = self._original()
        type(attribute).__delete__(attribute, obj)


def _method(function: Any, moment: Moment, reading: Reading) -> Any:
    def method(*args: Any, **kwargs: Any) -> Any:
        with reading():
            value = function(*args, **kwargs)
        return given(value, moment, reading)

    functools.update_wrapper(method, function, updated=())
    # Templates do not call what says that it writes.
    for flag in ("alters_data", "do_not_call_in_templates", "queryset_only"):
        if hasattr(function, flag):
            setattr(method, flag, getattr(function, flag))
    return method


def given(value: object, moment: Moment, reading: Reading) -> Any:
    """Return what a method of the past returns as of its moment, where it is yet to be read.

    Raises:
        QueryError: for what ``raw()`` returned, which reads today's rows.
    """
    if isinstance(value, models.QuerySet):
        is_past = isinstance(value, PastQuerySet) or issubclass(value.model, ReadOnlyModel)
        return value if is_past else queryset_of(value, moment)
    if isinstance(value, BaseManager):
        return _manager_of(value, moment)
    if isinstance(value, models.Model):
        if moment_of(value._state.db) is not None:
            make_past(value)
        return value
    if isinstance(value, RawQuerySet):
        raise _reads_today(value.model, moment)
    if inspect.isgenerator(value):
        return _iterated(value, moment, reading)
    if inspect.iscoroutine(value):
        return _awaited(value, moment, reading)
    if inspect.isasyncgen(value):
        return _async_iterated(value, moment, reading)
    return value


def _manager_of(manager: Any, moment: Moment) -> Any:
    # What an object of the past has is made for it; other managers are everybody's.
    if isinstance(manager, _PastManager) or issubclass(manager.model, ReadOnlyModel):
        return manager
    past: Any = manager.__class__.__new__(manager.__class__)
    past.__dict__.update(manager.__dict__)
    past.__class__ = _manager_class(manager.__class__)
    past.pgh_moment = moment
    return past


def _iterated(found: Any, moment: Moment, reading: Reading) -> Iterator[Any]:
    while True:
        with reading():
            try:
                value = next(found)
            except StopIteration:
                return
        yield given(value, moment, reading)


async def _awaited(found: Awaitable[Any], moment: Moment, reading: Reading) -> Any:
    with reading():
        value = await found
    return given(value, moment, reading)


async def _async_iterated(found: Any, moment: Moment, reading: Reading) -> AsyncIterator[Any]:
    while True:
        with reading():
            try:
                value = await anext(found)
            except StopAsyncIteration:
                return
        yield given(value, moment, reading)
