"""Reversal requests: what a person wants taken back, with the choices of a form, as a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.constants import DELETE, UPDATE
from pgaudit_log.presentation.links import Mode
from pgaudit_log.presentation.subjects import Subject
from pgaudit_log.reversal import Kind, Plan, restore, revert, undo
from pgaudit_log.reversal.options import OnConflict


@dataclass(frozen=True, kw_only=True)
class ReversalRequest:
    """What is to be taken back: by one event of an object, or all of a transaction or context."""

    mode: Mode
    subject: Subject | None = None
    """The object; ``None`` for a transaction or a context."""
    event: Any = None
    txid: int | None = None
    context_id: UUID | None = None
    parts: bool = False
    """Whether the parts of an object go back with it."""

    @property
    def is_of_one(self) -> bool:
        """Whether it is about one event."""
        return self.event is not None

    @property
    def is_by_field(self) -> bool:
        """Whether it changes an object that stays, of which fields can be chosen."""
        if self.subject is None or self.parts:
            return False
        if self.mode == "undo":
            return bool(self.event.pgh_operation == UPDATE)
        is_there = self.subject.obj is not None
        return self.mode == "revert" and is_there and self.event.pgh_operation != DELETE

    def plan(self, choices: FormChoices) -> Plan:
        """Return the plan under some choices; it only reads.

        Raises:
            QueryError: for what cannot be taken back, or not so.
            UnknownPastError: where nothing is known of the object then.
        """
        more: dict[str, Any] = {
            "ignore_missing": choices.ignore_missing,
            "leave_out": sorted(choices.leave_out),
            "values": choices.values,
        }
        if self.mode == "restore":
            return restore(self.event, **more)
        more["on_conflict"] = choices.on_conflict
        if self.is_by_field:
            more["fields"] = choices.fields
        if self.mode == "revert":
            assert self.subject is not None
            return revert(self.subject.named, self.event, parts=self.parts, **more)
        if self.event is not None:
            return undo(self.event, **more)
        return undo(txid=self.txid, context=self.context_id, **more)


@dataclass(frozen=True, kw_only=True)
class FormChoices:
    """What the form of a preview says; each is a choice that ``reversal`` has."""

    fields: tuple[str, ...] | None = None
    ticked: frozenset[str] | None = None
    """The fields that were ticked; ``None`` before anybody could."""
    on_conflict: OnConflict = "abort"
    ignore_missing: bool = False
    leave_out: frozenset[str] = frozenset()
    values: Mapping[str, Any] = field(default_factory=dict)


def usual_choices(wanted: ReversalRequest, access: AdminAccess) -> FormChoices:
    """Return the choices that a preview begins with.

    Of a whole transaction what was changed later is left alone; of one event it stands in the way, so
    that the fields of the rest can be chosen. Fields that the person may not see stay as they are.
    """
    choices = FormChoices(on_conflict="abort" if wanted.is_of_one else "skip")
    if not wanted.is_by_field:
        return choices
    assert wanted.subject is not None
    model = wanted.event.pgh_model if wanted.mode == "undo" else wanted.subject.model
    names = [own.name for own in model._meta.concrete_fields]
    hidden = access.hidden_fields(model)
    seen = tuple(name for name in names if name not in hidden)
    return replace(choices, fields=seen if len(seen) < len(names) else None)


def later_changes(plan: Plan) -> set[str]:
    """Return the fields that were changed later, and are not taken back unless it is said so."""
    return {
        obstacle.field
        for obstacle in (*plan.obstacles, *plan.left_alone)
        if obstacle.kind is Kind.CHANGED_LATER and obstacle.field is not None
    }


__all__ = [
    "FormChoices",
    "ReversalRequest",
    "later_changes",
    "usual_choices",
]
