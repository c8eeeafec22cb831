"""Given values: what a person fills in for a row that comes back, where the log has no value for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.obstacle_texts import field_of
from pgaudit_log.admin.plan_rows import PlanRows
from pgaudit_log.reversal import Kind, Plan

WANTING = frozenset({Kind.MASKED, Kind.MISSING_TARGET, Kind.REQUIRED, Kind.UNREADABLE})
"""The kinds of obstacles that a value takes out of the way, of a row that comes back."""


@dataclass(frozen=True, kw_only=True)
class ValueInput:
    """An input for the value of a field, of all rows of its model that come back."""

    name: str
    """``shop.Order.status``, as ``values`` takes it."""
    label: str
    field: models.Field[Any, Any]
    form_field: forms.Field | None
    """``None`` where the person may only say that it has no value."""
    can_be_empty: bool
    text: Any = None
    is_empty: bool = False
    error: str = ""

    @property
    def id(self) -> str:
        """The name of the input."""
        return f"value-{self.name}"

    @property
    def is_key(self) -> bool:
        """Whether it asks for the key of an object."""
        return isinstance(self.field, models.ForeignKey)

    @property
    def html(self) -> SafeString:
        """The input."""
        if self.form_field is None:
            return SafeString("")
        html: SafeString = self.form_field.widget.render(self.id, self.text, {"id": self.id})
        return html


def inputs_of(plan: Plan, rows: PlanRows, access: AdminAccess) -> dict[str, ValueInput]:
    """Return the inputs for what rows that come back have to be given, by their names."""
    found: dict[str, ValueInput] = {}
    for obstacle in (*plan.obstacles, *plan.left_alone):
        row = rows.by_place[obstacle.model, obstacle.key]
        own = field_of(obstacle)
        if obstacle.kind not in WANTING or own is None or own.column is None or row.obj is not None:
            continue
        if own.name in access.hidden_fields(row.model) or not access.may_view(row.model):
            continue
        name = f"{obstacle.model}.{own.name}"
        form_field = _form_field(own, access)
        if form_field is None and not _can_be_empty(own):
            continue
        found[name] = ValueInput(
            name=name,
            label=str(own.verbose_name),
            field=own,
            form_field=form_field,
            can_be_empty=_can_be_empty(own),
        )
    return found


def _can_be_empty(own: models.Field[Any, Any]) -> bool:
    return own.null or (own.blank and own.empty_strings_allowed)


def _form_field(own: models.Field[Any, Any], access: AdminAccess) -> forms.Field | None:
    if isinstance(own, models.ForeignKey):
        # By its key: a list of all that can be chosen may be long.
        target: Any = own.target_field
        return forms.CharField(required=False) if access.may_view(target.model) else None
    if isinstance(own, models.BooleanField):
        return forms.NullBooleanField(required=False)
    found = None if isinstance(own, models.FileField) else own.formfield(required=False)
    return found or forms.CharField(required=False)


def read(
    inputs: Mapping[str, ValueInput], posted: Mapping[str, Any]
) -> tuple[dict[str, ValueInput], dict[str, Any]]:
    """Return the inputs as they were filled in, and the values that they give."""
    filled: dict[str, ValueInput] = {}
    values: dict[str, Any] = {}
    for name, one in inputs.items():
        is_empty = one.can_be_empty and f"empty-{name}" in posted
        text = posted.get(one.id)
        error = ""
        if is_empty:
            values[name] = None if one.field.null else ""
        elif one.form_field is not None and text not in (None, ""):
            try:
                values[name] = _value(one, one.form_field, text)
            except (
                ArithmeticError,
                RecursionError,
                TypeError,
                ValueError,
                ValidationError,
            ) as problem:
                messages: Iterable[str] = getattr(problem, "messages", [_("This is no value.")])
                error = " ".join(messages)
        filled[name] = replace(one, text=text, is_empty=is_empty, error=error)
    return filled, {
        name: value for name, value in values.items() if not _says_nothing(value, name, filled)
    }


def _value(one: ValueInput, form_field: forms.Field, text: Any) -> Any:
    cleaned = form_field.clean(text)
    own: Any = one.field
    while isinstance(own, models.ForeignKey):
        own = own.target_field
    return own.to_python(cleaned)


def _says_nothing(value: Any, name: str, filled: Mapping[str, ValueInput]) -> bool:
    """Return whether a value is none, and nobody has said that it should be."""
    return value is None and not filled[name].is_empty
