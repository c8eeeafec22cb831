"""The registry: every declaration of a ``track()``, in the order in which they were made."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.dispatch import Signal

from pgaudit_log.constants import BASELINE_LABEL
from pgaudit_log.declaring.ported_options import refuse_options_of_reference
from pgaudit_log.declaring.trackers import UNSET, Tracker, _Unset
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.values.tables import Field, concrete


@dataclass(frozen=True, kw_only=True, init=False)
class ObjForeignKey:
    """How typed events point at their object: the arguments of ``obj_field``.

    Args:
        related_name: the accessor on the tracked model; by default "events", after
            the fields where ``track(fields=…)`` names some. "+" makes none.
        related_query_name: the name in filters; by default the ``related_name``.
        **options: others of django-pghistory, where they say what holds anyway, such
            as ``null=True`` or ``on_delete=models.DO_NOTHING``.

    Raises:
        DeclarationError: for an option that does not hold.
    """

    related_name: str | None = None
    related_query_name: str | None = None

    def __init__(
        self,
        *,
        related_name: str | None = None,
        related_query_name: str | None = None,
        **options: Any,
    ) -> None:
        refuse_options_of_reference(options)
        object.__setattr__(self, "related_name", related_name)
        object.__setattr__(self, "related_query_name", related_query_name)

    @property
    def is_hidden(self) -> bool:
        """Whether the object has no accessor."""
        return self.related_name == "+"


@dataclass(frozen=True, kw_only=True, eq=False)
class Declaration:
    """One ``track()``: a tracked model, its trackers, and what their events look like."""

    tracked_model: type[models.Model]
    trackers: tuple[Tracker, ...]
    fields: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    large: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    mask_hash: tuple[str, ...] = ()
    mask_context: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    obj_field: ObjForeignKey | None | _Unset = UNSET
    model_name: str
    app_label: str
    former_labels: tuple[str, ...] = ()
    former_columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    security_barrier: bool | None = None
    in_migrations: bool = True
    attrs: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The label in the event table's ``model``, such as ``shop.Order``; a proxy has its model's."""
        return concrete(self.tracked_model)._meta.label

    @property
    def columns(self) -> list[Field]:
        """The fields with a column in the model's own table that it tracks."""
        return tracked_columns(self.tracked_model, self.fields, self.exclude)

    @property
    def tracker_labels(self) -> tuple[str, ...]:
        """The labels of its trackers, each once."""
        return tuple(dict.fromkeys(tracker.label for tracker in self.trackers))


def tracked_columns(
    model: type[models.Model], fields: tuple[str, ...] | None, exclude: tuple[str, ...]
) -> list[Field]:
    """Return the fields with a column in the model's own table that a declaration tracks.

    Works on the model itself and on its past states in migrations. A virtual generated
    column is computed as it is read: a trigger does not see it.
    """
    local = [
        f
        for f in concrete(model)._meta.local_fields
        if f.column is not None and getattr(f, "db_persist", None) is not False
    ]
    if fields is not None:
        wanted = set(fields)
        return [f for f in local if f.name in wanted or f.attname in wanted]
    unwanted = set(exclude)
    return [f for f in local if f.name not in unwanted and f.attname not in unwanted]


declared = Signal()
"""Sent with each new :class:`Declaration` as its sender, as soon as it is registered."""

_declarations: list[Declaration] = []


def declarations() -> tuple[Declaration, ...]:
    """Return all declarations, in the order of their ``track()`` calls."""
    return tuple(_declarations)


def declarations_of(model: type[models.Model]) -> tuple[Declaration, ...]:
    """Return the declarations that track the table of ``model``."""
    return _known().by_model.get(concrete(model), ())


def declarations_of_table(name: str) -> tuple[Declaration, ...]:
    """Return the declarations that track the table ``name``."""
    return _known().by_table.get(name, ())


class _Known:
    """The declarations by what they are looked up by, many times a query."""

    def __init__(self) -> None:
        self.by_model: dict[type[models.Model], tuple[Declaration, ...]] = {}
        self.by_table: dict[str, tuple[Declaration, ...]] = {}
        for declaration in _declarations:
            self.add(declaration)

    def add(self, declaration: Declaration) -> None:
        model = concrete(declaration.tracked_model)
        table = model._meta.db_table
        self.by_model[model] = (*self.by_model.get(model, ()), declaration)
        self.by_table[table] = (*self.by_table.get(table, ()), declaration)


_known = functools.cache(_Known)
"""It is made anew after each change of ``_declarations`` but a new one."""


def find(model: type[models.Model], tracker_label: str) -> Declaration | None:
    """Return the declaration of ``model`` that has a tracker with this label, if there is one."""
    for declaration in declarations_of(model):
        if tracker_label in declaration.tracker_labels:
            return declaration
    return None


def baseline_label(declaration: Declaration) -> str:
    """Return the label of the baseline events of ``declaration``.

    It is "baseline" for the ``track()`` that is nearest to the model. Others add the name of
    their event class, so that adding one changes nothing for those that were there.
    """
    if declarations_of(declaration.tracked_model)[0] is declaration:
        return BASELINE_LABEL
    return f"{BASELINE_LABEL}.{declaration.model_name}"


def event_labels(declaration: Declaration) -> tuple[str, ...]:
    """Return the labels that the events of ``declaration`` have: its trackers', and its baseline's."""
    return *declaration.tracker_labels, baseline_label(declaration)


def labels_of_others(declaration: Declaration) -> list[str]:
    """Return the labels of the events that the other declarations of its table have."""
    return [
        label
        for other in declarations_of(declaration.tracked_model)
        if other is not declaration
        for label in event_labels(other)
    ]


def refuse_taken_labels(declaration: Declaration) -> None:
    """Raise if two trackers of a model would write the same label.

    Raises:
        DeclarationError: names the model and the label.
    """
    others = declarations_of(declaration.tracked_model)
    for other in others:
        if set(other.trackers) == set(declaration.trackers):
            raise DeclarationError(
                f"{declaration.label} is tracked twice with the same trackers, as"
                f" {other.tracked_model.__name__} and as {declaration.tracked_model.__name__}. Leave"
                " one track() out; where the two have other fields=, give the trackers of one other"
                " labels."
            )
    labels = [tracker.label for tracker in declaration.trackers]
    taken = {label for other in others for label in other.tracker_labels}
    for position, tracker in enumerate(declaration.trackers):
        label = tracker.label
        if label in taken or label in labels[:position]:
            raise DeclarationError(
                f'{declaration.label} has two trackers with the label "{label}". Give one of'
                " them another label as its first argument, such as"
                f' {type(tracker).__name__}("{label}_2").'
            )


def register(declaration: Declaration) -> None:
    """Keep ``declaration`` and tell the listeners of :data:`declared`."""
    _known().add(declaration)
    _declarations.append(declaration)
    try:
        declared.send(sender=declaration)
    except Exception:
        _declarations.remove(declaration)
        _known.cache_clear()
        raise


@contextmanager
def isolated() -> Iterator[None]:
    """Forget, on leaving the block, what was declared in it. For tests."""
    before = list(_declarations)
    try:
        yield
    finally:
        _declarations[:] = before
        _known.cache_clear()
