"""Past fields: those that migrations have given models, whether or not today's still have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import (
    AddField,
    CreateModel,
    RenameField,
    RenameModel,
    SeparateDatabaseAndState,
)
from django.db.migrations.operations.base import Operation


def past_fields() -> Iterator[tuple[str, str, str]]:
    """Yield the app, the model and the field, in lower case, of each field that a migration on disk names.

    A model that was renamed is yielded by each of its names.
    """
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    of_app: dict[str, list[Operation]] = {}
    for (app_label, _), migration in sorted(loader.disk_migrations.items()):
        of_app.setdefault(app_label, []).extend(operations_in(migration.operations))
    for app_label, operations in of_app.items():
        for model, field in _fields_in(operations):
            for name in _later_names(model.lower(), operations):
                yield app_label, name, field.lower()


def operations_in(operations: Sequence[Operation]) -> Iterator[Operation]:
    """Yield operations with those that are parts of them and change the state."""
    for operation in operations:
        yield operation
        if isinstance(operation, SeparateDatabaseAndState):
            yield from operations_in(operation.state_operations)


def _fields_in(operations: Sequence[Operation]) -> Iterator[tuple[str, str]]:
    for operation in operations:
        if isinstance(operation, CreateModel):
            for name, _ in operation.fields:
                yield operation.name, name
        elif isinstance(operation, AddField):
            yield operation.model_name, operation.name
        elif isinstance(operation, RenameField):
            yield operation.model_name, operation.new_name


def _later_names(model: str, operations: Sequence[Operation]) -> list[str]:
    names = [model]
    for operation in operations:
        if isinstance(operation, RenameModel) and operation.old_name_lower in names:
            names.append(operation.new_name_lower)
    return names
