"""Object texts: what an object is called, whatever its ``__str__`` does."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections, models
from django.db.models.base import ModelState
from django.utils.functional import LazyObject

from pgaudit_log.declaring import former_names
from pgaudit_log.diffs.display import safe
from pgaudit_log.presentation import stored_values
from pgaudit_log.reading.hidden_values import hidden_document
from pgaudit_log.reading.objects import primary_key_of, unloaded
from pgaudit_log.values.row_json import Absence
from pgaudit_log.values.tables import Field, column_of, own_columns

_MOST_CHARACTERS = 120


class AsksDatabaseError(Exception):
    """A ``__str__`` wanted to ask a database, which would be a query for each line of a page."""


def plain_text(model: type[models.Model], key: str | None) -> str:
    """Return what an object is called of which nothing else is known, such as ``order 17``."""
    name = str(model._meta.verbose_name)
    return safe(f"{name} {_cut(key)}" if key is not None else name)


def text_of(obj: models.Model, key: str) -> str:
    """Return ``str()`` of an object; its model and key where that fails, or would ask a database."""
    return name_of(obj) or plain_text(type(obj), key)


def name_of(obj: models.Model) -> str | None:
    """Return ``str()`` of an object; ``None`` where that fails, would ask a database, or is empty."""
    try:
        with _no_queries():
            text = str(obj)
    except Exception:  # it is the project's own, and may raise anything
        return None
    return safe(_cut(text)) if text.strip() else None


def as_seen(
    obj: models.Model,
    may_view: Callable[[type[models.Model]], bool],
    hidden_fields: Callable[[type[models.Model]], Collection[str]],
) -> models.Model:
    """Return an object without what a person may not see, so that no name of it has that.

    Where anything has to go it is a copy: of its own hidden fields, and of what it has loaded.
    """
    if isinstance(obj, LazyObject):
        # What it stands for: the user of a request, mostly.
        obj = copy.copy(obj)
    state = obj._state.fields_cache
    hidden = hidden_fields(type(obj))
    if not (hidden or state or _PREFETCHED in obj.__dict__):
        return obj
    seen = object.__new__(type(obj))  # no code of the model runs
    seen.__dict__.update(obj.__dict__)
    seen.__dict__.pop(_PREFETCHED, None)
    seen._state = ModelState()
    seen._state.db, seen._state.adding = obj._state.db, obj._state.adding
    for field in obj._meta.concrete_fields:
        if field.name in hidden and not field.primary_key:
            seen.__dict__.pop(field.attname, None)
            continue
        other = state.get(field.name)
        if isinstance(other, models.Model) and may_view(type(other)):
            seen._state.fields_cache[field.name] = as_seen(other, may_view, hidden_fields)
    return seen


_PREFETCHED = "_prefetched_objects_cache"


def text_at(
    model: type[models.Model],
    event: Any,
    *,
    hidden: Collection[str] = (),
    related: Callable[[Field, Any], models.Model | None] = lambda field, value: None,
) -> str:
    """Return what the object of an event was called then; its model and key where that fails.

    See :func:`name_at`.
    """
    name = name_at(model, event, hidden=hidden, related=related)
    return name or plain_text(model, event.pgh_obj_id)


def name_at(
    model: type[models.Model],
    event: Any,
    *,
    hidden: Collection[str] = (),
    related: Callable[[Field, Any], models.Model | None] = lambda field, value: None,
) -> str | None:
    """Return what the object of an event was called then, by the values that the event has.

    It is ``None`` where ``__str__`` fails, or would ask a database. Those of ``hidden`` fields are not
    used. ``related`` returns what is loaded of the objects that its foreign keys point at, which
    ``__str__`` may ask for.
    """
    obj = _object_at(model, event, hidden, related)
    if obj is None or type(obj).__str__ is models.Model.__str__:
        return plain_text(model, event.pgh_obj_id)
    return name_of(obj)


def _object_at(
    model: type[models.Model],
    event: Any,
    hidden: Collection[str],
    related: Callable[[Field, Any], models.Model | None],
) -> models.Model | None:
    """Return an instance with the values of an event, made without the model's own code."""
    if event.pgh_obj_id is None:
        return None
    try:
        key = primary_key_of(model, event)
        obj = None if key is None else unloaded(model, key)
    except (TypeError, ValueError, ValidationError):
        return None
    if obj is None:
        return None
    using = str(event._state.db)
    obj._state.db = using
    data = hidden_document(event, event.pgh_data)
    if not isinstance(data, dict):
        return obj
    row: Mapping[str, Any] = former_names.today(model, data, event.pgh_shape, using)
    for field in own_columns(model):
        if field.name in hidden or field.attname in obj.__dict__:
            continue
        if column_of(field) in row:
            value = stored_values.read(field, row[column_of(field)])
            if not isinstance(value, Absence):
                obj.__dict__[field.attname] = value
                if (other := related(field, value)) is not None:
                    obj._state.fields_cache[field.name] = other
    return obj


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


@contextmanager
def _no_queries() -> Iterator[None]:
    """Let whatever asks a database in the block raise instead.

    Raises:
        AsksDatabaseError: in the place of the query.
    """

    def refuse(*args: Any) -> Any:
        raise AsksDatabaseError

    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(refuse))
        yield
