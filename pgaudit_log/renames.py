"""Renames: what models and columns were called earlier, found from the migrations.

Events keep the label and the columns of their time, so reading them needs the old names.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.migrations import operations as ops
from django.db.migrations.loader import MigrationLoader

from pgaudit_log import registry
from pgaudit_log.registry import concrete

ModelKey = tuple[str, str]
"""An app's label and a model's name in lower case."""


@dataclass
class Names:
    """What one model was called, and its columns by the names of their fields."""

    labels: list[str]
    columns: dict[str, list[str]] = field(default_factory=dict)
    """Every name that a field's column has had, oldest first."""

    def add(self, name: str, column_of: models.Field[Any, Any]) -> None:
        """Record the column of a field that was added or altered."""
        unbound = column_of.clone()
        unbound.set_attributes_from_name(name)
        if unbound.column is None:
            return
        known = self.columns.setdefault(name, [])
        if unbound.column not in known:
            known.append(unbound.column)


class Renames:
    """The names of all models that have migrations, by what they are called now."""

    def __init__(self, migrations: Iterable[tuple[str, Any]] = ()) -> None:
        self._names: dict[ModelKey, Names] = {}
        for app_label, migration in migrations:
            for operation in _flattened(migration.operations):
                self._apply(app_label, operation)

    @classmethod
    def from_migrations(cls) -> Renames:
        """Return the renames of all migrations of the project, applied or not."""
        loader = MigrationLoader(None)
        ordered: dict[tuple[str, str], None] = {}
        for leaf in loader.graph.leaf_nodes():
            ordered.update(dict.fromkeys(loader.graph.forwards_plan(leaf)))
        return cls((key[0], loader.graph.nodes[key]) for key in ordered)

    def labels(self, model: type[models.Model]) -> list[str]:
        """Return the labels that ``model`` had before today's, oldest first."""
        names = self._names.get(_key(model))
        return [label for label in (names.labels if names else []) if label != model._meta.label]

    def columns(self, model: type[models.Model], name: str, column: str) -> list[str]:
        """Return what the column of the field ``name`` was called before today's ``column``."""
        names = self._names.get(_key(model))
        earlier = names.columns.get(name, []) if names else []
        return [old for old in earlier if old != column]

    def _apply(self, app_label: str, operation: Any) -> None:
        match operation:
            case ops.CreateModel():
                names = Names(labels=[f"{app_label}.{operation.name}"])
                for name, created in operation.fields:
                    names.add(name, created)
                self._names[app_label, operation.name_lower] = names
            case ops.DeleteModel():
                self._names.pop((app_label, operation.name_lower), None)
            case ops.RenameModel():
                moved = self._names.pop((app_label, operation.old_name_lower), None)
                if moved is not None:
                    moved.labels.append(f"{app_label}.{operation.new_name}")
                    self._names[app_label, operation.new_name_lower] = moved
            case ops.AddField() | ops.AlterField():
                known = self._names.get((app_label, operation.model_name_lower))
                if known is not None:
                    known.add(operation.name, operation.field)
            case ops.RemoveField():
                known = self._names.get((app_label, operation.model_name_lower))
                if known is not None:
                    known.columns.pop(operation.name, None)
            case ops.RenameField():
                known = self._names.get((app_label, operation.model_name_lower))
                if known is not None:
                    self._rename_field(known, operation)

    def _rename_field(self, names: Names, operation: Any) -> None:
        columns = names.columns.pop(operation.old_name, [])
        if columns:
            # A column called like the field, or like the field with _id, is renamed with it.
            newest = columns[-1]
            for suffix in ("", "_id"):
                if newest == operation.old_name + suffix:
                    columns.append(operation.new_name + suffix)
                    break
        names.columns[operation.new_name] = columns


@functools.cache
def known() -> Renames:
    """Return the renames of all migrations of the project; they are read once a process."""
    return Renames.from_migrations()


def labels_of(model: type[models.Model]) -> list[str]:
    """Return the labels that the events of ``model`` bear: today's first, then its former ones.

    A proxy model has those of the model whose table it shows.
    """
    model = concrete(model)
    declared = [label for d in registry.declarations_of(model) for label in d.former_labels]
    return [*dict.fromkeys([model._meta.label, *reversed(known().labels(model)), *declared])]


def model_of(label: str) -> type[models.Model] | None:
    """Return the model whose events bear ``label``, today or formerly; ``None`` if no model does."""
    for declaration in registry.declarations():
        if label in labels_of(declaration.tracked_model):
            return concrete(declaration.tracked_model)
    return None


def tracked_models() -> list[type[models.Model]]:
    """Return the tracked models, each once; a proxy as the model whose table it shows."""
    return [*dict.fromkeys(concrete(d.tracked_model) for d in registry.declarations())]


def _key(model: type[models.Model]) -> ModelKey:
    return model._meta.app_label, model._meta.model_name or ""


def _flattened(operations: Iterable[Any]) -> Iterator[Any]:
    """Yield operations, with those that only change the state in the place of their container."""
    for operation in operations:
        if isinstance(operation, ops.SeparateDatabaseAndState):
            yield from _flattened(operation.state_operations)
        else:
            yield operation
