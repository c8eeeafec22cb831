"""The class of typed events of each declaration, and the attributes under which tracked models have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import models, router

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.reading.event_model import Event
from pgaudit_log.values.tables import concrete

_event_models: dict[Declaration, type[Event]] = {}
"""The class of typed events of each declaration.

Not what ``Model.pgh_event_models`` says, because django-pghistory calls its own the same.
"""


def register(declaration: Declaration, event_model: type[Event]) -> None:
    """Make ``event_model`` the class of the typed events of ``declaration``, which its models then have."""
    _event_models[declaration] = event_model
    tracked = declaration.tracked_model
    for model in dict.fromkeys([tracked, concrete(tracked)]):
        _attach(model)


def event_model_of(declaration: Declaration) -> type[Event]:
    """Return the class of the typed events of ``declaration``."""
    return _event_models[declaration]


def event_models() -> Iterator[type[Event]]:
    """Yield the class of typed events of each declaration."""
    for declaration in declarations.declarations():
        yield event_model_of(declaration)


def event_models_for(using: str) -> list[type[Event]]:
    """Return the classes of typed events whose views the database ``using`` should have.

    They are in the order of declaration.
    """
    return [
        event_model
        for event_model in event_models()
        if router.allow_migrate_model(using, concrete(event_model.pgh_tracked_model))
    ]


class _EventModels:
    """The attribute ``pgh_event_models`` of a tracked model: the classes of its events by label."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model

    def __get__(self, instance: models.Model, owner: Any = None) -> dict[str, type[Event]]:
        # A child of multi-table inheritance that is not tracked itself has its parent's.
        return {
            label: event_model_of(declaration)
            for declaration in declarations.declarations_of(self.model)
            if self.model in (declaration.tracked_model, concrete(declaration.tracked_model))
            for label in declaration.tracker_labels
        }


class _EventModel(_EventModels):
    """The attribute ``pgh_event_model``: the class of a model's events, where it has one only."""

    def __get__(self, instance: models.Model, owner: Any = None) -> Any:
        by_label = super().__get__(instance, owner)
        found = [*dict.fromkeys(by_label.values())]
        if len(found) > 1:
            names = " and ".join(
                f"{event_model.__name__} ("
                + ", ".join(repr(label) for label, own in by_label.items() if own is event_model)
                + ")"
                for event_model in found
            )
            name = self.model.__name__
            raise ValueError(
                f"{name}.pgh_event_model is ambiguous: its events have the classes {names}."
                f" Import the one that you mean, or take {name}.pgh_event_models[label]."
            )
        return found[0]


def _attach(model: type[models.Model]) -> None:
    """Give a tracked model the two attributes, unless django-pghistory was there first."""
    for name, attribute in (("pgh_event_models", _EventModels), ("pgh_event_model", _EventModel)):
        if name not in vars(model):
            setattr(model, name, attribute(model))
