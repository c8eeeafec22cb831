"""Plans: values that say what a reversal would do, and what stands in its way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from asgiref.sync import sync_to_async
from django.apps import apps

from pgaudit_log.diffs.display import safe, shortened
from pgaudit_log.exceptions import PlanError
from pgaudit_log.values.keys import is_shortened, key_fields, key_text_of_state, short_key
from pgaudit_log.values.row_json import MISSING, State
from pgaudit_log.values.tables import column_of

MOST_TOLD = 20
"""How many obstacles an error lists."""


class Kind(str, Enum):
    """What an obstacle is."""

    CHANGED_LATER = "changed later"
    """The value is no longer what is to be taken back: was A, set to B, now C."""
    COLUMN_GONE = "column gone"
    """The model has no such column any more."""
    DELETED = "deleted"
    """The row that is to be changed or deleted is not there."""
    EXISTS = "exists"
    """A row that is to be brought back is there, with other values."""
    INVARIANT = "invariant"
    """Something that the project says must hold among the rows would not."""
    LEFT_OUT = "left out"
    """The caller wants the row left as it is; it never stands in the way."""
    MASKED = "masked"
    """The value was not stored, only that there was one."""
    MISSING_TARGET = "missing target"
    """The object that a foreign key would point at is not there."""
    REFERENCED = "referenced"
    """Other rows point at a row that is to be deleted."""
    REQUIRED = "required"
    """A column that must have a value did not exist, or was not tracked, at the time."""
    TAKEN = "taken"
    """Another row has a value that must be unique."""
    UNREADABLE = "unreadable"
    """The column had another type then, and the value cannot be read as today's."""


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Something that keeps a plan from being applied."""

    kind: Kind
    model: str
    """The label of the row's model."""
    key: str
    field: str | None
    """The field that it is about, or the column where there is no field."""
    message: str

    def __str__(self) -> str:
        return self.message

    def as_dict(self) -> dict[str, Any]:
        """Return it as a dict."""
        return {
            "kind": self.kind.value,
            "model": self.model,
            "object": self.key,
            "field": self.field,
            "message": self.message,
        }


@dataclass(frozen=True, kw_only=True)
class Change:
    """What would happen to one field of a row."""

    field: str
    """The field's name."""
    verbose_name: str
    column: str
    now: Any
    """Its value now; ``MISSING`` where there is no row yet."""
    proposed: Any
    """The value that it would get; ``MISSING`` where the row would go."""
    now_text: str = ""
    """For people, as in a diff, but a foreign key has the key that it points at. Empty where there
    is no row."""
    proposed_text: str = ""

    def __str__(self) -> str:
        sides = [(self.now, self.now_text), (self.proposed, self.proposed_text)]
        shown = (safe(shortened(text)) for value, text in sides if value is not MISSING)
        return f"{self.field}: {' → '.join(shown)}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as a dict; what is missing has no key."""
        values = {"now": self.now, "proposed": self.proposed}
        known = {name: value for name, value in values.items() if value is not MISSING}
        return {"field": self.field, **known}


@dataclass(frozen=True, kw_only=True)
class Step:
    """What would happen to one row of one table."""

    action: str
    """``insert``, ``update`` or ``delete``."""
    model: type[Any] = field(repr=False)
    key: str
    """The row's primary key as text."""
    whole_key: str | None = field(default=None, repr=False)
    """The key as long as it is, where it is shortened and that is known."""
    changes: tuple[Change, ...] = ()
    state: State = field(default_factory=dict, repr=False)
    """The values to write, as JSON text by column."""
    fingerprint: str | None = field(default=None, repr=False)
    """A digest of the whole row as it was when the plan was made; ``None`` where there was none."""
    given: tuple[str, ...] = ()
    """The fields whose values the caller gave, of a row that is brought back."""
    left_dangling: tuple[str, ...] = ()
    """The relations, such as ``shop.Log.order``, whose rows point at nothing when it is gone."""
    is_second: bool = False
    """Whether an earlier step has moved the same row aside; the key is the one that it has then."""

    def __getstate__(self) -> dict[str, Any]:
        # By its label, because the model of a many-to-many relation has no name in any module.
        return {**self.__dict__, "model": self.label}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**state, "model": apps.get_model(state["model"])})

    @property
    def label(self) -> str:
        """The label of the row's model."""
        label: str = self.model._meta.label
        return label

    def as_dict(self) -> dict[str, Any]:
        """Return it as a dict."""
        return {
            "action": self.action,
            "model": self.label,
            "object": self.key,
            "changes": [change.as_dict() for change in self.changes],
        }

    @property
    def sought_key(self) -> str:
        """The key by which the row is found: the whole one, where that is known."""
        return self.whole_key or self.key

    def __str__(self) -> str:
        return f"{self.action} {self.label} {self.key}"


def whole_keys(steps: Iterable[Step]) -> dict[tuple[type[Any], str], str]:
    """Return the whole keys of rows, as far as they are known, by the rows before and after steps."""
    found = {}
    for step in steps:
        if step.whole_key is not None:
            found[step.model, step.key] = step.whole_key
        after = key_text_of_state(step.state, key_fields(step.model))
        if after is not None:
            found[step.model, short_key(after)] = after
    return found


def key_after(step: Step) -> str:
    """Return the key of a step's row after it, as text."""
    fields = key_fields(step.model)
    if not any(column_of(own) in step.state for own in fields):
        return step.key
    if is_shortened(step.key):
        # Then a step has all parts of the key that it gives, or none; see ``examining``.
        return short_key(key_text_of_state(step.state, fields) or step.key)
    parts = [json.loads(step.key)] if len(fields) > 1 else [[step.key]]
    texts = []
    for position, own in enumerate(fields):
        text = step.state.get(column_of(own))
        if text is None:
            part = parts[0][position]
            texts.append(json.dumps(part, ensure_ascii=False) if len(fields) > 1 else part)
        elif len(fields) > 1:
            texts.append(text)
        else:
            texts.append(json.loads(text) if text.startswith('"') else text)
    return short_key("[" + ", ".join(texts) + "]" if len(fields) > 1 else texts[0])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a revert, undo or restore would do, in the order in which it would do it.

    Equal by content; it holds no connection and can be kept while somebody looks at it.
    """

    action: str
    """``revert``, ``undo`` or ``restore``."""
    subject: str
    """What it is about, for people: ``shop.Order 5 to event 17``."""
    steps: tuple[Step, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    left_alone: tuple[Obstacle, ...] = ()
    """What would stand in the way, had the caller not said to go around it."""
    reverts: Mapping[str, Any] = field(default_factory=dict)
    """What the events of :meth:`apply` say in their context."""
    using: str = "default"

    @property
    def is_applicable(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.obstacles

    def apply(self, *, through: str = "sql", reason: str | None = None) -> Applied:
        """Carry it out in one transaction, or change nothing.

        The events that this writes have :attr:`reverts` in their context.

        Args:
            through: ``"sql"`` writes exactly the values of the plan, and nothing else;
                ``"save"`` has each object pass ``full_clean()`` and calls ``save()`` or
                ``delete()`` on it, with their signals and ``auto_now``.
            reason: recorded in the context, too.

        Raises:
            StalePlanError: when a row has changed since the plan was made.
            PlanError: when something stands in the way, or the database or
                ``full_clean()`` refuses.
        """
        # Here, because applying needs the values of this module.
        from pgaudit_log.reversal.writing import execution

        return execution.apply(self, through=through, reason=reason)

    async def aapply(self, *, through: str = "sql", reason: str | None = None) -> Applied:
        """Do what :meth:`apply` does, from a coroutine."""
        return await sync_to_async(self.apply)(through=through, reason=reason)

    def refuse_obstacles(self) -> None:
        """Raise if something stands in the way.

        Raises:
            PlanError: names each obstacle.
        """
        if self.obstacles:
            listed = "\n".join(f"- {obstacle}" for obstacle in self.obstacles[:MOST_TOLD])
            if len(self.obstacles) > MOST_TOLD:
                listed += f"\n- and {len(self.obstacles) - MOST_TOLD} more, in plan.obstacles"
            raise PlanError(f"Cannot {self.action} {self.subject}; nothing was changed.\n{listed}")

    def as_dict(self) -> dict[str, Any]:
        """Return it as dicts and lists, with the values as Python has them."""
        return {
            "action": self.action,
            "subject": self.subject,
            "steps": [step.as_dict() for step in self.steps],
            "obstacles": [obstacle.as_dict() for obstacle in self.obstacles],
            "left_alone": [obstacle.as_dict() for obstacle in self.left_alone],
        }

    def __str__(self) -> str:
        lines = [safe(f"{self.action} {self.subject}")]
        for step in self.steps:
            lines.append(f"  {safe(step)}")
            lines += [f"    {change}" for change in step.changes]
        lines += [f"  In the way: {safe(obstacle)}" for obstacle in self.obstacles]
        lines += [f"  Left alone: {safe(obstacle)}" for obstacle in self.left_alone]
        if len(lines) == 1:
            lines.append("  Nothing to do.")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What applying a plan did."""

    plan: Plan = field(repr=False)
    txid: int
    """The transaction, by which its events can be found."""

    @property
    def rows(self) -> int:
        """How many rows were written."""
        return len(self.plan.steps)
