"""The operations of migrations that add the capture triggers of models, and remove them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import models, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.operations.models import IndexOperation
from django.db.migrations.state import ProjectState
from pgtrigger.migrations import TriggerOperationMixin

from pgaudit_log.capture_v1.compiled import CompiledTrigger
from pgaudit_log.capture_v1.data import CaptureData, Table


class _TriggersOperation(TriggerOperationMixin, IndexOperation):
    """What both operations have in common."""

    option_name = "triggers"

    model_name: str

    def _triggers(self, app_label: str, state: ProjectState) -> list[Any]:
        """Return the triggers that the model has in a state, others than captures, too."""
        options = state.models[app_label, self.model_name_lower].options
        return list(options.get("triggers", []))

    def _change(
        self, app_label: str, state: ProjectState, triggers: list[Any], changed: Iterable[Any]
    ) -> None:
        """Give the model of a state its ``triggers``, of which those that ``changed`` came or went."""
        state.models[app_label, self.model_name_lower].options["triggers"] = triggers
        if any(trigger.is_bound for trigger in changed):
            # The schema editor binds conditions anew to columns that change, those of its state.
            state.reload_model(app_label, self.model_name_lower, delay=True)
        elif "apps" in state.__dict__:
            # Reloading the models around it takes longer the more there are. States share their
            # classes, so that all see these triggers: which is right when the table is made again.
            meta: Any = state.apps.get_model(app_label, self.model_name)._meta
            meta.triggers = meta.original_attrs["triggers"] = triggers

    def _add(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        state: ProjectState,
        triggers: Iterable[CompiledTrigger],
    ) -> None:
        if self._is_migrated(app_label, schema_editor, state):
            with transaction.atomic(using=schema_editor.connection.alias, savepoint=False):
                schema_editor.execute("".join(t.install_sql for t in triggers), params=None)

    def _remove(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        state: ProjectState,
        triggers: Iterable[CompiledTrigger],
    ) -> None:
        if self._is_migrated(app_label, schema_editor, state):
            schema_editor.execute("".join(t.uninstall_sql for t in triggers), params=None)

    def _is_migrated(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, state: ProjectState
    ) -> bool:
        model: type[models.Model] = state.apps.get_model(app_label, self.model_name)
        return self.allow_migrate_model_trigger(schema_editor, model)


class AddCaptureTriggers(_TriggersOperation):
    """Adds the triggers of one ``track()`` to a model.

    Args:
        model_name: the model, one of the migration's app.
        table: what the triggers have in common, as the arguments of ``data.Table.of()``: the
            table's ``name``, the ``model`` that events call it, its ``key``, the tracked
            ``columns``, the ``references`` that they make, the ``targets`` of all that there are.
        triggers: what each has for itself, as the arguments of ``data.CaptureData.of()``.
    """

    category = OperationCategory.ADDITION
    serialization_expand_args = ["table", "triggers"]  # noqa: RUF012, as Django has it

    def __init__(
        self,
        model_name: str,
        table: Mapping[str, Any],
        triggers: Sequence[Mapping[str, Any]],
    ) -> None:
        self.model_name = model_name
        self.table = Table.of(**table)
        self.triggers = [
            CompiledTrigger(self.table, CaptureData.of(self.table, **trigger))
            for trigger in triggers
        ]

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Return what a migration holds."""
        triggers = [trigger.data.plain(self.table) for trigger in self.triggers]
        arguments = {
            "model_name": self.model_name,
            "table": self.table.plain(),
            "triggers": triggers,
        }
        return type(self).__name__, [], arguments

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Add the triggers to the model's."""
        triggers = [*self._triggers(app_label, state), *self.triggers]
        self._change(app_label, state, triggers, self.triggers)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Install them."""
        self._add(app_label, schema_editor, to_state, self.triggers)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop them."""
        self._remove(app_label, schema_editor, to_state, self.triggers)

    def describe(self) -> str:
        """Return what ``makemigrations`` says of it."""
        names = ", ".join(trigger.data.name for trigger in self.triggers)
        return f"Create capture triggers on model {self.model_name}: {names}"

    @property
    def migration_name_fragment(self) -> str:
        """Its part in the name of a migration that is given none."""
        return f"{self.model_name_lower}_capture"


class RemoveCaptureTriggers(_TriggersOperation):
    """Removes capture triggers from a model.

    Args:
        model_name: the model, one of the migration's app.
        names: the names of the triggers.
    """

    category = OperationCategory.REMOVAL

    def __init__(self, model_name: str, names: Sequence[str]) -> None:
        self.model_name = model_name
        self.names = list(names)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Return what a migration holds."""
        return type(self).__name__, [], {"model_name": self.model_name, "names": self.names}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Take the triggers from the model's."""
        triggers = self._triggers(app_label, state)
        kept = [trigger for trigger in triggers if trigger.name not in self.names]
        self._change(app_label, state, kept, self._named(app_label, state))

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop them."""
        self._remove(app_label, schema_editor, to_state, self._named(app_label, from_state))

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Install them again."""
        self._add(app_label, schema_editor, to_state, self._named(app_label, to_state))

    def _named(self, app_label: str, state: ProjectState) -> list[CompiledTrigger]:
        """Return the triggers that it is about, where a state still has them."""
        triggers = self._triggers(app_label, state)
        return [trigger for trigger in triggers if trigger.name in self.names]

    def describe(self) -> str:
        """Return what ``makemigrations`` says of it."""
        return f"Remove capture triggers from model {self.model_name}: {', '.join(self.names)}"

    @property
    def migration_name_fragment(self) -> str:
        """Its part in the name of a migration that is given none."""
        return f"remove_{self.model_name_lower}_capture"


class CaptureTriggersOfModels(Operation):
    """Adds or removes the capture triggers of several models.

    Django copies the state of all models for each operation of a migration, so that one for each of
    hundreds of models would take longer than what they do.

    Args:
        operations: an ``AddCaptureTriggers``, or a ``RemoveCaptureTriggers``, for each.
    """

    serialization_expand_args = ["operations"]  # noqa: RUF012, as Django has it

    def __init__(self, operations: Sequence[AddCaptureTriggers | RemoveCaptureTriggers]) -> None:
        self.operations = list(operations)

    @property
    def category(self) -> OperationCategory:  # type: ignore[override]
        """What ``makemigrations`` marks it with: whether it adds or removes."""
        return self.operations[0].category

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Return what a migration holds."""
        return type(self).__name__, [], {"operations": self.operations}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Do what each does."""
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Do what each does: none minds what the others change of the state, which are triggers only."""
        with transaction.atomic(using=schema_editor.connection.alias, savepoint=False):
            for operation in self.operations:
                operation.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Take back what each did."""
        with transaction.atomic(using=schema_editor.connection.alias, savepoint=False):
            for operation in reversed(self.operations):
                operation.database_backwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        """Return what ``makemigrations`` says of it."""
        names = ", ".join(dict.fromkeys(operation.model_name for operation in self.operations))
        if self.category is OperationCategory.REMOVAL:
            return f"Remove capture triggers from models {names}"
        return f"Create capture triggers on models {names}"

    @property
    def migration_name_fragment(self) -> str:
        """Its part in the name of a migration that is given none."""
        return f"{self.operations[0].migration_name_fragment}_and_more"


for _operation in (AddCaptureTriggers, RemoveCaptureTriggers, CaptureTriggersOfModels):
    # Where a migration finds it, which is short and stays.
    _operation.__module__ = __package__
