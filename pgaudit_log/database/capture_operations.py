"""The operations of capture triggers in a new migration: one for all that belong together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import Any

from django.db.migrations.operations.base import Operation
from pgtrigger.migrations import AddTrigger, RemoveTrigger

from pgaudit_log.capture_v1 import (
    AddCaptureTriggers,
    CaptureTriggersOfModels,
    RemoveCaptureTriggers,
)
from pgaudit_log.capture_v1.compiled import CompiledTrigger


def together(operations: Iterable[Any], captures: Collection[tuple[str, str]]) -> list[Any]:
    """Return operations with django-pgtrigger's, one for each trigger, as ours, one for a model's.

    Each stands where the first was that it takes the place of. Triggers of others stay as they are.

    Args:
        operations: the operations of one app.
        captures: the capture triggers that may be removed, by the model's name and their own.
    """
    groups: list[list[Any]] = []
    for operation in operations:
        last = groups[-1] if groups else []
        if last and _is_capture(operation, captures) and _belong_together(last[-1], operation):
            last.append(operation)
        else:
            groups.append([operation])
    return [_one(group) if _is_capture(group[0], captures) else group[0] for group in groups]


def of_models(operations: Iterable[Any]) -> list[Any]:
    """Return the operations of a migration with those on triggers of several models as one.

    Only those that follow on one another, and do the same.
    """
    kinds = (AddCaptureTriggers, RemoveCaptureTriggers)
    made: list[Any] = []
    for kind, group in groupby(operations, key=type):
        found = list(group)
        is_one = kind in kinds and len(found) > 1
        made += [CaptureTriggersOfModels(found)] if is_one else found
    return made


def _is_capture(operation: Any, captures: Collection[tuple[str, str]]) -> bool:
    if isinstance(operation, RemoveTrigger):
        return (operation.model_name_lower, operation.name) in captures
    return isinstance(operation, AddTrigger) and isinstance(operation.trigger, CompiledTrigger)


def _belong_together(one: Any, other: Any) -> bool:
    """Return whether two operations on triggers can be one: the same is done, to what has the same data."""
    if type(one) is not type(other) or one.model_name_lower != other.model_name_lower:
        return False
    if isinstance(one, RemoveTrigger):
        return True
    return (
        isinstance(one.trigger, CompiledTrigger)
        and isinstance(other.trigger, CompiledTrigger)
        and one.trigger.table == other.trigger.table
    )


def _one(operations: list[Any]) -> Operation:
    """Return the operation that does what all of ``operations`` do."""
    first = operations[0]
    deps = list(dict.fromkeys(dependency for each in operations for dependency in each._auto_deps))
    if isinstance(first, RemoveTrigger):
        names = [each.name for each in operations]
        return _waiting(RemoveCaptureTriggers(first.model_name, names), deps)
    table = first.trigger.table
    triggers = [each.trigger.data.plain(table) for each in operations]
    return _waiting(AddCaptureTriggers(first.model_name, table.plain(), triggers), deps)


def _waiting(operation: Operation, dependencies: list[Any]) -> Operation:
    """Return an operation with what Django's autodetector lets it wait for."""
    operation._auto_deps = dependencies  # type: ignore[attr-defined]
    return operation
