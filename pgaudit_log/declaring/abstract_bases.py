"""Abstract bases: ``track()`` on one is for each model with a table that inherits it.

A child is tracked once all models are imported, when it is known whether it has a ``track()`` of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from django.apps import apps
from django.db import models
from django.db.models.signals import class_prepared
from django.dispatch import receiver

from pgaudit_log.declaring import declarations
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.values import tables

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, kw_only=True)
class _Base:
    """A tracked abstract model, and how its children are to be tracked."""

    model: type[models.Model]
    track: Callable[[type[models.Model]], Any]


_bases: dict[type[models.Model], _Base] = {}
_excepted: set[type[models.Model]] = set()
_waiting: dict[type[models.Model], None] = {}
"""Children that are declared, in their order, but not tracked yet."""


def declare(model: type[models.Model], track: Callable[[type[models.Model]], Any]) -> None:
    """Track every child of the abstract ``model`` by calling ``track`` with it.

    Children that are there already are among them.
    """
    _bases[model] = _Base(model=model, track=track)
    _excepted.discard(model)
    # Not get_models(), which waits until all are imported.
    known = [found for of_app in apps.all_models.values() for found in of_app.values()]
    for child in known:
        if issubclass(child, model):
            _expect(child)


def refuse_names_of_one(declaration: declarations.Declaration, model_name: str | None) -> None:
    """Raise for what only one of the children of an abstract model could be called.

    Raises:
        DeclarationError: names the argument.
    """
    argument = option_of_one(
        {
            "model_name": model_name,
            "former_labels": declaration.former_labels,
            "meta": declaration.meta,
        }
    )
    if argument is not None:
        raise DeclarationError(
            f"{declaration.label} is abstract and tracked with {argument}, but that is for one"
            " model, and each that inherits it is tracked. Give it in a track() of that one."
        )


def option_of_one(options: Mapping[str, Any]) -> str | None:
    """Return which of the options of a ``track()`` only one model can have; ``None`` if none is given."""
    for argument in ("model_name", "former_labels"):
        if options.get(argument):
            return argument
    return 'meta={"db_table": …}' if "db_table" in (options.get("meta") or ()) else None


def untrack() -> Callable[[type[M]], type[M]]:
    """Return a decorator for a model that is not tracked, though an abstract base of it is.

    On an abstract model it is for the models that inherit that one.

    Raises:
        DeclarationError: when the model is tracked by then, or has no such base.
    """

    def decorate(model: type[M]) -> type[M]:
        if _nearest(model) is None:
            raise DeclarationError(
                f"{model._meta.label} is not to be tracked, but no abstract base of it is. Leave"
                " untrack() out."
            )
        if declarations.declarations_of(model):
            raise DeclarationError(
                f"{model._meta.label} is not to be tracked, but is already. Put untrack() on the"
                " class, where it is declared."
            )
        _excepted.add(model)
        _waiting.pop(model, None)
        return model

    return decorate


def is_excepted(model: type[models.Model]) -> bool:
    """Return whether an :func:`untrack` is for a model, or comes first among what it inherits."""
    for parent in model.__mro__:
        if parent in _excepted or parent in _bases:
            return parent in _excepted
    return False


def claim(model: type[models.Model]) -> None:
    """Let a model's own ``track()`` stand for those of its abstract bases."""
    _waiting.pop(tables.concrete(model), None)


def track_children() -> None:
    """Track the children that wait: those without a ``track()`` of their own.

    Raises:
        DeclarationError: names the child, and the base that asks for it.
    """
    while _waiting:
        child = next(iter(_waiting))
        del _waiting[child]
        base = _nearest(child)
        if base is None:
            continue
        try:
            base.track(child)
        except DeclarationError as error:
            raise DeclarationError(
                f"{child._meta.label} inherits {base.model.__name__}, which is tracked. {error}"
                f" Or give {child.__name__} a track() of its own, or @pgaudit_log.untrack()."
            ) from error


@contextmanager
def isolated() -> Iterator[None]:
    """Forget, on leaving the block, what was said of abstract models in it. For tests."""
    bases, excepted = dict(_bases), set(_excepted)
    try:
        yield
    finally:
        _bases.clear()
        _bases.update(bases)
        _excepted.intersection_update(excepted)
        _waiting.clear()


def local_names(model: type[models.Model], names: Sequence[str] | None) -> Sequence[str] | None:
    """Return those of a base's ``names`` that are columns of a child's own table."""
    if names is None:
        return None
    local = {f.name for f in model._meta.local_fields} | {
        f.attname for f in model._meta.local_fields
    }
    return [name for name in names if name in local]


def local_options(model: type[models.Model], options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the options of a ``track()`` of many models for one of them: what names columns of it.

    It is ``None`` where ``fields`` names none of its columns: it is not tracked. They may all be in the
    table of its parent.
    """
    given = dict(options)
    for name in ("fields", "exclude", "large", "mask", "mask_hash"):
        if given.get(name) is not None:
            given[name] = local_names(model, given[name])
    if options.get("fields") and not given["fields"]:
        return None
    columns = given.get("former_columns") or {}
    kept = local_names(model, list(columns)) or ()
    return {**given, "former_columns": {name: columns[name] for name in kept}}


def _nearest(model: type[models.Model]) -> _Base | None:
    """Return the tracked base that comes first, unless an ``untrack()`` comes before."""
    for parent in model.__mro__:
        if parent in _excepted:
            return None
        if parent in _bases:
            return _bases[parent]
    return None


def _expect(model: type[models.Model]) -> None:
    meta = model._meta
    if meta.abstract or meta.proxy or meta.swapped or meta.apps is not apps:
        return
    if _nearest(model) is None or declarations.declarations_of(model):
        return
    _waiting[model] = None
    if apps.models_ready:
        # Nothing says when its decorators are through: it is tracked as soon as it is known.
        apps.lazy_model_operation(lambda _: track_children(), (meta.app_label, meta.model_name))


@receiver(class_prepared)
def _notice(sender: type[models.Model], **kwargs: Any) -> None:
    if _bases:
        _expect(sender)
