"""Testing: what users' own tests may need of this package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import models

from pgaudit_log.declaring import (
    abstract_bases,
    declarations,
    former_names,
    selections,
    trigger_registry,
)

__all__ = ["isolated"]

_ATTRIBUTES = ("pgh_event_models", "pgh_event_model")
"""What a tracked model gets."""


@contextmanager
def isolated() -> Iterator[None]:
    """Take back, on leaving the block, also by an exception, what was declared in it.

    That is each ``track()`` and ``untrack()`` with its triggers and classes of events, and each model
    that was made in the block. Tables, triggers and views of a database are left: a test rolls them
    back. Works as a decorator, too.
    """
    known = {label: dict(found) for label, found in apps.all_models.items()}
    known_models = {model for of_app in known.values() for model in of_app.values()}
    before = {
        model: _Tracking(model) for model in known_models if not hasattr(model, "pgh_declaration")
    }
    try:
        with (
            trigger_registry.isolated(),
            declarations.isolated(),
            abstract_bases.isolated(),
            selections.isolated(),
        ):
            yield
    finally:
        for label, of_app in apps.all_models.items():
            for model in {*of_app.values()} - known_models:
                _forget_name(model)
            of_app.clear()
            of_app.update(known.get(label, {}))
        for model, tracking in before.items():
            tracking.restore(model)
        apps.clear_cache()
        former_names.forget()


def _forget_name(model: type[models.Model]) -> None:
    """Take a class out of the module that it was put into."""
    module = sys.modules.get(model.__module__)
    if getattr(module, model.__name__, None) is model:
        delattr(module, model.__name__)


class _Tracking:
    """What tracking changes of a model."""

    def __init__(self, model: type[models.Model]) -> None:
        self.triggers = _copied(vars(model._meta), "triggers")
        self.original_triggers = _copied(model._meta.original_attrs, "triggers")
        self.attributes = _attributes(model)

    def restore(self, model: type[models.Model]) -> None:
        """Give the model what it had."""
        for holder, triggers in (
            (vars(model._meta), self.triggers),
            (model._meta.original_attrs, self.original_triggers),
        ):
            holder.pop("triggers", None)
            holder.update(triggers)
        for name in _attributes(model):
            if name not in self.attributes:
                delattr(model, name)


def _attributes(model: type[models.Model]) -> frozenset[str]:
    """Return what other models, and tracking, have given a model: accessors, and classes of events."""
    return frozenset(
        name
        for name, value in vars(model).items()
        if name in _ATTRIBUTES or hasattr(value, "rel") or hasattr(value, "related")
    )


def _copied(holder: dict[str, Any], name: str) -> dict[str, list[Any]]:
    """Return a list under its name, as a list of its own; nothing where it is not."""
    return {name: list(holder[name])} if name in holder else {}
