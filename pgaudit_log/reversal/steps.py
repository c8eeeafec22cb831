"""Steps: what would happen to one row, and to its fields."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from django.apps import apps

from pgaudit_log.diffs.display import safe, shortened
from pgaudit_log.values import row_json
from pgaudit_log.values.keys import is_shortened, key_fields, key_text_of_state, short_key
from pgaudit_log.values.row_json import MISSING, State
from pgaudit_log.values.tables import column_of

StepAction = Literal["insert", "update", "delete"]
"""What a step does with its row."""


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

    action: StepAction
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
    columns = [column_of(own) for own in fields]
    if step.state.keys().isdisjoint(columns):
        return step.key
    known: dict[str, str] = {}
    # Of a key that is shortened, a step has all parts, or none; see ``checking.examination``.
    if len(fields) > 1 and not is_shortened(step.key):
        known = dict(zip(columns, row_json.split_array(step.key), strict=True))
    return short_key(key_text_of_state({**known, **step.state}, fields) or step.key)
