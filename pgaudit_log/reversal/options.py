"""Options: how the caller of a plan wants what stands in the way to be gone around."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from django.apps import apps
from django.db import models

from pgaudit_log.exceptions import QueryError
from pgaudit_log.reversal.obstacles import Kind, Obstacle

OnConflict = Literal["abort", "skip", "force"]
"""What to do with what was changed later: report it, leave it alone, or overwrite it."""

SKIPPED = {Kind.MISSING_TARGET, Kind.REFERENCED, Kind.TAKEN}
"""What others did later to other rows, for which ``skip`` leaves a whole row as it is."""


ABOUT_NO_ROW = {Kind.INVARIANT, Kind.LEFT_OUT}
"""By what no row can be left out: what is about many, and what is the choice itself."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How the caller wants what stands in the way to be gone around."""

    on_conflict: OnConflict = "abort"
    """A later change: ``abort`` reports it, ``skip`` leaves it alone, ``force`` overwrites it.

    Where it is another row's, ``skip`` leaves the whole row alone, and what depends on it.
    """
    ignore_missing: bool = False
    """Leave columns out that the model no longer has."""
    fields: Sequence[str] | None = None
    """The only fields to change; ``None`` means all."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Values for rows to bring back; they win over what the events have.

    By the name of the field, or by ``app.Model.field`` where several models have one of that name.
    """

    leave_out: Iterable[Any] = ()
    """Rows to leave as they are: those with an obstacle of a :class:`Kind`, that of an
    :class:`Obstacle`, or ``"shop.Order 5"``."""

    def __post_init__(self) -> None:
        if self.on_conflict not in get_args(OnConflict):
            raise QueryError(
                f"on_conflict={self.on_conflict!r} is none of {', '.join(get_args(OnConflict))}."
            )
        if isinstance(self.fields, str):
            raise QueryError(f"fields={self.fields!r} is no list. Give [{self.fields!r}].")

        if isinstance(self.leave_out, str):
            raise QueryError(f"leave_out={self.leave_out!r} is no list. Give [{self.leave_out!r}].")
        for item in self.leave_out:
            kind = item.kind if isinstance(item, Obstacle) else _kind(item)
            if kind is Kind.INVARIANT:
                raise QueryError(
                    f"leave_out= has {str(item)!r}, which is about all rows of a model together. Name the"
                    " rows to leave out, such as 'shop.Order 5'."
                )
            if _kind(item) is None and _row(item) is None:
                kinds = ", ".join(repr(kind.value) for kind in Kind if kind not in ABOUT_NO_ROW)
                raise QueryError(
                    f"leave_out= has {item!r}, which is no row and no kind of obstacle. Give"
                    f" 'shop.Order 5', an obstacle of a plan, or one of {kinds}."
                )

    @cached_property
    def left_out_kinds(self) -> frozenset[Kind]:
        """The kinds of obstacles whose rows are left as they are."""
        chosen = {kind for item in self.leave_out if (kind := _kind(item)) is not None}
        return frozenset(chosen | (SKIPPED if self.on_conflict == "skip" else set()))

    @cached_property
    def left_out_rows(self) -> frozenset[tuple[str, str]]:
        """The rows to leave as they are: labels and keys."""
        return frozenset(row for item in self.leave_out if (row := _row(item)) is not None)

    def refuse_unknown(self, models: Sequence[type[models.Model]]) -> None:
        """Raise if a field is named that none of the models has.

        Raises:
            QueryError: names the field.
        """
        known = {
            name
            for model in models
            for f in model._meta.concrete_fields
            for name in (f.name, f.attname)
        }
        whole = {
            f"{model._meta.label}.{name}"
            for model in models
            for f in model._meta.local_concrete_fields
            for name in (f.name, f.attname)
        }
        for name in [*(self.fields or ()), *(v for v in self.values if v not in whole)]:
            if name not in known:
                labels = ", ".join(dict.fromkeys(model._meta.label for model in models))
                raise QueryError(
                    f"{labels} has no field {name!r}. Its fields are"
                    f" {', '.join(sorted({f.name for m in models for f in m._meta.concrete_fields}))}."
                )

    def refuse_ambiguous(self, brought_back: Iterable[type[models.Model]]) -> None:
        """Raise if a value is named that several of the models to bring back have.

        Raises:
            QueryError: names the models.
        """
        models = dict.fromkeys(brought_back)
        for name in self.values:
            having = [
                model._meta.label
                for model in models
                if name
                in {n for f in model._meta.local_concrete_fields for n in (f.name, f.attname)}
            ]
            if len(having) > 1:
                raise QueryError(
                    f"values= has {name!r}, which {' and '.join(sorted(having))} have. Say which:"
                    f" {sorted(having)[0]}.{name}."
                )

    def given_to(self, model: type[models.Model]) -> tuple[str, ...]:
        """Return the fields of a model that a value is given for."""
        return tuple(f.name for f in model._meta.local_concrete_fields if self.value_of(f)[0])

    def value_of(self, own: Any) -> tuple[bool, Any]:
        """Return whether a value is given for a field, and the value."""
        label = own.model._meta.label
        for name in (f"{label}.{own.name}", f"{label}.{own.attname}", own.name, own.attname):
            if name in self.values:
                value = self.values[name]
                if own.is_relation and hasattr(value, "_meta"):
                    value = getattr(value, own.target_field.attname)
                return True, value
        return False, None


def _kind(item: Any) -> Kind | None:
    try:
        kind = Kind(item)
    except ValueError:
        return None
    return None if kind is Kind.LEFT_OUT else kind


def _row(item: Any) -> tuple[str, str] | None:
    if isinstance(item, Obstacle):
        return item.model, item.key
    if not isinstance(item, str) or _kind(item) is not None:
        return None
    label, blank, key = item.partition(" ")
    try:
        return (apps.get_model(label)._meta.label, key) if blank and key else None
    except (LookupError, ValueError):
        return None
