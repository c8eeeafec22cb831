"""The object of an event of the trail: found by the model's label and the key, one query a model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, overload

from django.core.exceptions import ValidationError
from django.db import DataError, models
from django.db.models.base import ModelState

from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.values.keys import (
    is_shortened,
    joined_key,
    key_fields,
    key_text,
    parse_key,
    read_part,
)
from pgaudit_log.values.tables import column_of


class EventObject:
    """The attribute ``pgh_obj`` of an event: the object as it is today, or ``None``.

    ``prefetch_related("pgh_obj")`` loads those of many events with one query for each model.
    """

    name = "pgh_obj"

    @overload
    def __get__(self, event: None, owner: Any = None) -> EventObject: ...
    @overload
    def __get__(self, event: models.Model, owner: Any = None) -> models.Model | None: ...
    def __get__(
        self, event: models.Model | None, owner: Any = None
    ) -> EventObject | models.Model | None:
        if event is None:
            return self
        if not self.is_cached(event):
            # Since Django 6.1 a queryset says whether what is missing is fetched one by one.
            mode: Any = getattr(event._state, "fetch_mode", None)
            if mode is None:
                self.fetch_one(event)
            else:
                mode.fetch(self, event)
        found: models.Model | None = event._state.fields_cache[self.name]
        return found

    @property
    def field(self) -> EventObject:
        """What Django's fetch modes ask for the name."""
        return self

    def fetch_one(self, event: Any) -> None:
        """Look for the object of one event."""
        found, key_of_object, key_of_event, *_ = self.get_prefetch_querysets([event])
        by_key = {key_of_object(obj): obj for obj in found}
        event._state.fields_cache[self.name] = by_key.get(key_of_event(event))

    def fetch_many(self, events: Sequence[Any]) -> None:
        """Look for the objects of those of ``events`` that have not been looked for."""
        missing = [event for event in events if not self.is_cached(event)]
        models.prefetch_related_objects(missing, self.name)

    def __set__(self, event: Any, value: object) -> None:
        raise AttributeError(f"{self.name} says what an event is about, and cannot be set.")

    def is_cached(self, event: Any) -> bool:
        """Return whether the object of ``event`` has been looked for."""
        return self.name in event._state.fields_cache

    def get_prefetch_querysets(
        self, instances: Sequence[Any], querysets: Sequence[Any] | None = None
    ) -> tuple[Any, ...]:
        """Return the objects of ``instances``, and how to tell which event each belongs to.

        ``querysets`` say how to load the objects of their models, for ``GenericPrefetch``.
        """
        custom = {queryset.model._meta.concrete_model: queryset for queryset in querysets or ()}
        known: dict[Any, Any] = {}
        keys: defaultdict[tuple[Any, Any], set[Any]] = defaultdict(set)
        for event in instances:
            model = self._model(event, known)
            if model is not None and event.pgh_obj_id is not None:
                key = primary_key_of(model, event)
                if key is not None:
                    keys[model, event._state.db].add(key)
        found: list[Any] = []
        for (model, using), wanted in keys.items():
            queryset = custom.get(model)
            if queryset is None:
                queryset = model._base_manager.using(using)
            found.extend(queryset.filter(pk__in=list(wanted)))

        def key_of_object(obj: models.Model) -> Any:
            return type(obj)._meta.concrete_model, key_text(obj.pk, key_fields(type(obj)))

        def key_of_event(event: Any) -> Any:
            return self._model(event, known), event.pgh_obj_id

        return found, key_of_object, key_of_event, True, self.name, False

    @staticmethod
    def _model(event: Any, known: dict[Any, Any]) -> Any:
        place = event.pgh_obj_model, str(event._state.db)
        if place not in known:
            known[place] = model_labels.model_of(*place)
        return known[place]


def primary_key_of(model: type[models.Model], event: Any) -> Any:
    """Return the primary key of an event's object; ``None`` if the model can have none such.

    What is too long to stand in ``obj_pk`` whole is in the snapshot.
    """
    text = getattr(event, "pgh_obj_key", None) or event.pgh_obj_id
    if not is_shortened(text):
        return parse_key(model, text)
    fields = key_fields(model)
    using = str(event._state.db)
    try:
        row = former_names.today(model, event.pgh_data or {}, event.pgh_shape, using)
        key = joined_key([read_part(row[column_of(field)], field) for field in fields])
        return key if key_text(key, fields) == text else None
    except (LookupError, TypeError, ValueError, ArithmeticError, ValidationError):
        return None


def unloaded(model: type[models.Model], pk: Any) -> models.Model:
    """Return an instance with a primary key and nothing else, which Django loads when it is asked for.

    It is made without the model's ``__init__`` and without signals.
    """
    fields = key_fields(model)
    obj = model.__new__(model)
    obj._state = ModelState()
    obj._state.adding = False
    parts = pk if len(fields) > 1 else [pk]
    for field, part in zip(fields, parts, strict=True):
        obj.__dict__[field.attname] = part
    return obj


def loaded(objects: models.QuerySet[Any, Any], *needed: str) -> list[Any]:
    """Return the objects of a queryset; those that Django cannot read with their keys alone.

    A number of 5,000 digits in a JSON column, which PostgreSQL has, is more than Python reads; and it
    has no date before our era.
    ``needed`` names what else they need to have.
    """
    try:
        return list(objects)
    except UNREADABLE:
        return list(objects.only("pk", *needed))


UNREADABLE = (ArithmeticError, DataError, RecursionError, ValueError)
"""What Django and the drivers raise for values of PostgreSQL's that Python does not have."""
