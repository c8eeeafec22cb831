"""Labels: what foreign keys point at, by name, with one query for each model that is pointed at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Any

from django.db import models

from pgaudit_log.diffs.display import may_be
from pgaudit_log.presentation.object_texts import as_seen, plain_text, text_of
from pgaudit_log.reading.databases import database_of
from pgaudit_log.reading.objects import loaded
from pgaudit_log.values.keys import key_fields, key_text
from pgaudit_log.values.tables import Field, concrete

MOST_MODELS = 8
"""Of how many models a page asks for the names of objects; of others it shows keys."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """What a foreign key pointed at."""

    model: type[models.Model]
    key: str
    """The primary key as text; what the reference held, where it is gone or was not asked for."""
    text: str
    is_gone: bool = False


_Target = tuple[type[models.Model], str]
"""A model, and the attribute that foreign keys point at."""


class Labels:
    """The names of what a page points at: first say what is wanted, then load, then ask."""

    def __init__(
        self,
        using: str,
        may_view: Callable[[type[models.Model]], bool],
        hidden: Callable[[type[models.Model]], Collection[str]] = lambda model: (),
    ) -> None:
        self._using = using
        self._may_view = may_view
        self._hidden = hidden
        self._wanted: dict[_Target, dict[Hashable, None]] = {}
        self._found: dict[_Target, dict[Any, models.Model]] = {}

    def want(self, field: Field | None, value: Any) -> None:
        """Say that the page shows a value of a field; only references are looked for."""
        if isinstance(field, models.ForeignKey) and may_be(field.target_field, value):
            model, attribute = _target(field)
            if self._may_view(model):
                self._wanted.setdefault((model, attribute), {})[value] = None

    def load(self) -> None:
        """Ask for what is wanted and not there yet, once for each model."""
        for place, values in self._wanted.items():
            if place in self._found or len(self._found) >= MOST_MODELS:
                continue
            model, attribute = place
            found = self._objects(model).filter(**{f"{attribute}__in": list(values)})
            self._found[place] = {
                getattr(obj, attribute): as_seen(obj, self._may_view, self._hidden)
                for obj in self._loaded(found, attribute)
            }

    def _objects(self, model: type[models.Model]) -> models.QuerySet[Any, Any]:
        # Not by the model's own manager, which may hide some.
        return models.QuerySet(model, using=database_of(model, beside=self._using))

    def _loaded(self, objects: models.QuerySet[Any, Any], attribute: str) -> list[Any]:
        return loaded(objects, attribute)

    def object_of(self, field: Field, value: Any) -> models.Model | None:
        """Return the object of today that a foreign key points at, if it was loaded."""
        if not isinstance(field, models.ForeignKey) or not may_be(field.target_field, value):
            return None
        return self._found.get(_target(field), {}).get(value)

    def of(self, field: Field, value: Any) -> Label | None:
        """Return what a value of a foreign key pointed at; ``None`` for what is no reference."""
        if not isinstance(field, models.ForeignKey) or value is None:
            return None
        place = model, _ = _target(field)
        key = str(value)
        loaded = self._found.get(place)
        if loaded is None or not may_be(field.target_field, value):
            return Label(model=model, key=key, text=plain_text(model, key))
        if (obj := loaded.get(value)) is None:
            return Label(model=model, key=key, text=plain_text(model, key), is_gone=True)
        own = key_text(obj.pk, key_fields(model))
        return Label(model=model, key=own, text=text_of(obj, own))


def _target(field: models.ForeignKey[Any, Any]) -> _Target:
    target: Any = field.target_field
    return concrete(target.model), target.attname
