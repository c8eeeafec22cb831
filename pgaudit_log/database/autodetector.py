"""Puts the operations of triggers where they belong in the migrations that Django makes.

A capture trigger names the columns of its table, and its table, as they are once all other changes
are made. Django knows nothing of that: left to itself it adds a trigger before the column that
``order_with_respect_to`` makes, or before the table is called otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db import models
from django.db.migrations.operations import AlterModelTable, RenameModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.fields import FieldOperation
from pgtrigger.migrations import AddTrigger, RemoveTrigger

from pgaudit_log.capture_v1 import AddCaptureTriggers
from pgaudit_log.capture_v1.compiled import CompiledTrigger
from pgaudit_log.constants import APP_LABEL
from pgaudit_log.database.capture_operations import of_models, together
from pgaudit_log.values.tables import concrete


@dataclass(frozen=True, eq=False)
class After:
    """A dependency of an operation on another one, where Django's ``OperationDependency`` has no word."""

    app_label: str
    operation: Operation


class TriggersInOrder:
    """A mixin for Django's ``MigrationAutodetector``: the order of triggers and other operations."""

    generated_operations: dict[str, list[Any]]
    migrations: dict[str, list[Any]]
    from_state: Any
    to_state: Any

    _captures: dict[str, set[tuple[str, str]]]
    """The capture triggers that there were, by app: each the model's name and its own."""

    def _detect_changes(self, *args: Any, **kwargs: Any) -> Any:
        # The models as they will be, of which triggers are compiled: Django takes
        # order_with_respect_to, and so its column, out of their states on the way.
        _ = self.to_state.apps
        self._captures = {}
        for (app_label, model_name), model in self.from_state.models.items():
            for trigger in model.options.get("triggers", []):
                if isinstance(trigger, CompiledTrigger):
                    self._captures.setdefault(app_label, set()).add((model_name, trigger.data.name))
        return super()._detect_changes(*args, **kwargs)  # type: ignore[misc]

    def _sort_migrations(self) -> None:
        for app_label, operations in self.generated_operations.items():
            for operation in operations:
                if isinstance(operation, (AddTrigger, RemoveTrigger)):
                    trigger: Any = operation
                    trigger._auto_deps = [
                        *trigger._auto_deps,
                        *self._elsewhere(app_label, trigger),
                    ]
        super()._sort_migrations()  # type: ignore[misc]
        for app_label, operations in self.generated_operations.items():
            in_order = self._in_order(app_label, operations)
            operations[:] = together(in_order, self._captures.get(app_label, set()))

    def check_dependency(self, operation: Any, dependency: Any) -> bool:
        """Return whether ``operation`` is what another one depends on."""
        if isinstance(dependency, After):
            return operation is dependency.operation
        return bool(super().check_dependency(operation, dependency))  # type: ignore[misc]

    def _in_order(self, app_label: str, operations: list[Any]) -> list[Any]:
        """Return operations with the triggers of old first, and the new ones last.

        So each stands while its table is as it was compiled for, forwards and backwards. What waits
        for the migrations of another app goes on being captured until then.
        """
        former_names = {
            operation.new_name_lower: operation.old_name_lower
            for operation in operations
            if isinstance(operation, RenameModel)
        }
        removed: list[Any] = []
        moved: list[Any] = []
        added: list[Any] = []
        others: list[Any] = []
        for operation in operations:
            if isinstance(operation, AddTrigger):
                added.append(operation)
            elif not isinstance(operation, RemoveTrigger):
                others.append(operation)
            elif self._is_elsewhere(app_label, operation):
                moved.append(operation)
            else:
                name = former_names.get(operation.model_name_lower, operation.model_name)
                removed.append(_renamed(operation, name))
        return [*removed, *others, *moved, *added]

    def _model(self, app_label: str, operation: Any) -> type[models.Model] | None:
        """Return the model of a trigger's operation, ``None`` where it is about to go."""
        if (app_label, operation.model_name_lower) not in self.to_state.models:
            return None
        model: type[models.Model] = self.to_state.apps.get_model(app_label, operation.model_name)
        return model

    def _is_elsewhere(self, app_label: str, operation: Any) -> bool:
        """Return whether a trigger is on a proxy of a model of another app."""
        model = self._model(app_label, operation)
        return model is not None and concrete(model)._meta.app_label != app_label

    def _elsewhere(self, app_label: str, operation: Any) -> Iterator[After]:
        """Yield what other apps' operations change of the table of a trigger, or of those it points at."""
        model = self._model(app_label, operation)
        if model is None:
            return
        model = concrete(model)
        targets = {
            concrete(field.remote_field.model)._meta.label_lower: field.target_field.name
            for field in model._meta.local_fields
            if isinstance(field, models.ForeignKey)
        }
        own = model._meta.label_lower
        for other_label, operations in self.generated_operations.items():
            for other in operations if other_label != app_label else ():
                name = _changed_model(other)
                label = f"{other_label}.{name}"
                if label == own or (label in targets and _moves(other, targets[label])):
                    yield After(other_label, other)

    def _build_migration_list(self, graph: Any = None) -> None:
        super()._build_migration_list(graph)  # type: ignore[misc]
        leaves = graph.leaf_nodes(APP_LABEL) if graph else []
        # "__first__" also resolves where this app runs without migrations.
        is_first = not leaves or leaves == graph.root_nodes(APP_LABEL)
        dependency = (APP_LABEL, "__first__") if is_first else leaves[0]
        # Without it a fresh ``migrate`` could write to a tracked table before events can be stored.
        for migration in chain.from_iterable(self.migrations.values()):
            if any(isinstance(made, AddCaptureTriggers) for made in migration.operations):
                migration.dependencies.append(dependency)
            # Only now, because one that waits for another app is not to keep others waiting.
            migration.operations = of_models(migration.operations)


def _renamed(operation: RemoveTrigger, model_name: str) -> RemoveTrigger:
    """Return an operation for a model of another name."""
    renamed = RemoveTrigger(model_name=model_name, name=operation.name)
    renamed._auto_deps = operation._auto_deps  # type: ignore[attr-defined]
    return renamed


def _changed_model(operation: Any) -> str | None:
    """Return the name, in lower case, of the model whose table or columns an operation changes."""
    if isinstance(operation, (AddTrigger, RemoveTrigger)):
        return None
    if isinstance(operation, RenameModel):
        return str(operation.new_name_lower)
    name = getattr(operation, "model_name_lower", getattr(operation, "name_lower", None))
    return name and str(name)


def _moves(operation: Any, target: str) -> bool:
    """Return whether an operation calls a table otherwise, or its column ``target``."""
    if isinstance(operation, FieldOperation):
        names = {operation.name, getattr(operation, "new_name", None)}
        return target in names
    return isinstance(operation, (AlterModelTable, RenameModel))
