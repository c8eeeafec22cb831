"""Labels: which declaration of ours a peer's records belong to, and which label each of their kinds gets."""

from __future__ import annotations

from collections.abc import Collection

from django.db import models

from pgaudit_log.constants import DELETE, INSERT, MANUAL, OLD, UPDATE, OperationName
from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.declaring.trackers import RowEvent
from pgaudit_log.importing.sources import Kind

_NAMES: dict[str, OperationName] = {INSERT: "INSERT", UPDATE: "UPDATE", DELETE: "DELETE"}


def declaration_for(
    model: type[models.Model], labels: Collection[str], model_name: str | None = None
) -> Declaration | None:
    """Return the declaration that stands for what a peer tracked: ``None`` if the model is not tracked.

    It is the one whose events are called as the peer's were, then the one with the most of the
    peer's labels, then the one that is nearest to the model.
    """
    own = declarations.declarations_of(model)
    return max(
        own,
        key=lambda one: (
            one.model_name == model_name,
            len(set(one.tracker_labels) & set(labels)),
            -own.index(one),
        ),
        default=None,
    )


def kind_for(declaration: Declaration, operation: str, label: str, *, is_old: bool = False) -> Kind:
    """Return what records of a peer become that it labels ``label``.

    They get the label of the tracker that captures the same here: the one that is called so, else the
    first of the operation, one without a condition before others. Without any, they keep theirs.
    """
    if operation == MANUAL:
        return Kind(operation=operation, label=label)
    trackers = [
        tracker
        for tracker in declaration.trackers
        if isinstance(tracker, RowEvent)
        and tracker.operation_name == _NAMES[operation]
        and (operation != UPDATE or (tracker.row == OLD) == is_old)
    ]
    trackers.sort(key=lambda tracker: (tracker.label != label, tracker.condition is not None))
    found = trackers[0].label if trackers else label
    return Kind(operation=operation, label=found, is_old=is_old)
