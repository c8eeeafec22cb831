"""django-pgtrigger's registry of triggers, with an index, so that it takes many in linear time.

It compares each trigger with all that there are, by properties that are made anew each time: 300 models
with four triggers each took half a minute to declare, and each trigger is registered twice, again as
``pgtrigger`` gets ready. The two properties, ``by_db_table`` and ``pg_function_names`` of
``pgtrigger.registry._Registry`` (django-pgtrigger 4), are replaced by indexes that are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import models
from pgtrigger import registry


class IndexedRegistry(registry._Registry):
    """The registry, knowing what it has by table and by function."""

    def __setitem__(self, key: str, value: Any) -> None:
        index = self._index()
        if self.data.get(key) == value and value[1] in getattr(value[0]._meta, "triggers", ()):
            return  # once more, as ``pgtrigger`` gets ready
        super().__setitem__(key, value)  # type: ignore[no-untyped-call]
        index.add(*value)
        index.size = len(self.data)
        model, trigger = value
        if not is_in_migrations(trigger):
            _leave_out_of_migrations(model, trigger)

    def __delitem__(self, key: str) -> None:
        _, trigger = self[key]
        if is_in_migrations(trigger):
            super().__delitem__(key)  # type: ignore[no-untyped-call]
        else:
            del self.data[key]

    @property
    def by_db_table(self) -> dict[tuple[str, str], Any]:
        """The triggers by the table and the name."""
        return self._index().triggers

    @property
    def pg_function_names(self) -> dict[str, None]:
        """The names of the triggers' functions."""
        return self._index().functions

    def _index(self) -> _Index:
        """Return the index; made anew where anything else was done with the registry."""
        index: _Index | None = vars(self).get("_indexed")
        if index is None or index.data is not self.data or index.size != len(self.data):
            index = self._indexed = _Index(self.data)
        return index


class _Index:
    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.triggers: dict[tuple[str, str], Any] = {}
        self.functions: dict[str, None] = {}
        for model, trigger in data.values():
            self.add(model, trigger)
        self.size = len(data)

    def add(self, model: type[models.Model], trigger: Any) -> None:
        self.triggers[model._meta.db_table, trigger.name] = trigger
        self.functions[trigger.get_pgid(model)] = None


def is_in_migrations(trigger: Any) -> bool:
    """Return whether migrations of its model's app have a trigger."""
    return getattr(trigger, "in_migrations", True)


def _leave_out_of_migrations(model: type[models.Model], trigger: Any) -> None:
    """Take a trigger out of ``Meta.triggers``, where django-pgtrigger has put it for ``makemigrations``."""
    for holder in (vars(model._meta), model._meta.original_attrs):
        triggers = [other for other in holder.pop("triggers", ()) if other is not trigger]
        # An empty list would be an option of the model, too.
        if triggers:
            holder["triggers"] = triggers


def install() -> None:
    """Let the registry keep its index."""
    if not isinstance(registry._registry, IndexedRegistry):
        registry._registry.__class__ = IndexedRegistry


def has(table: str, name: str) -> bool:
    """Return whether a trigger of this name is registered for a table."""
    return (table, name) in registry._registry.by_db_table


@contextmanager
def isolated() -> Iterator[None]:
    """Forget, on leaving the block, which triggers were registered in it. For tests."""
    before = dict(registry._registry.data)
    try:
        yield
    finally:
        registry._registry.data = before
