"""Validation: what a ``track()`` says is checked against its model, and refused where it cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pgtrigger
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from pgaudit_log.constants import APP_LABEL
from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.conditions import Change, is_automatic
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.declaring.ported_options import refuse_attrs, refuse_meta
from pgaudit_log.declaring.trackers import Tracker, names_in
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import concrete

METADATA_PREFIX = "pgh_"
"""What the names of an event's own fields start with; a tracked field may not."""


def checked_names(
    model: type[models.Model], argument: str, names: Sequence[str]
) -> tuple[str, ...]:
    """Return the names of ``fields=`` and the like, each checked to be a column of the model's table."""
    if not isinstance(names, Iterable):
        raise DeclarationError(
            f"{model._meta.label} is tracked with {argument}={names!r}: give a list of names of"
            f' fields, such as {argument}=["email"].'
        )
    given = names if isinstance(names, str) else list(names)
    where = f"{model._meta.label} is tracked with {argument}={given!r}"
    if isinstance(names, str):
        raise DeclarationError(f"{where}: give a list, such as {argument}=[{names!r}].")
    if not given:
        return ()
    local = {f.name: f for f in concrete(model)._meta.local_fields if f.column is not None}
    known = {**local, **{f.attname: f for f in local.values()}}
    for name in names:
        if name in known:
            continue
        try:
            field = concrete(model)._meta.get_field(name)
        except FieldDoesNotExist:
            raise DeclarationError(
                f'{where}, but it has no field "{name}". Its fields are {", ".join(local)}.'
            ) from None
        if field.many_to_many:
            raise DeclarationError(
                f'{where}, but "{name}" is a many-to-many field, whose rows are in another'
                f" table. Track {model.__name__}.{name}.through instead."
            )
        if field.concrete and getattr(field, "model", model) is not concrete(model):
            raise DeclarationError(
                f'{where}, but "{name}" is a column of {field.model._meta.label}, its parent.'
                " Track that model too."
            )
        raise DeclarationError(f'{where}, but "{name}" has no column in its table. Leave it out.')
    return tuple(known[name].name for name in names)


def checked_former_labels(model: type[models.Model], labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of ``former_labels=``, each checked to be one."""
    for label in [labels] if isinstance(labels, str) else labels:
        if isinstance(labels, str) or label.count(".") != 1:
            raise DeclarationError(
                f"{model._meta.label} is tracked with former_labels={labels!r}: give a list of"
                ' labels, such as former_labels=["old_app.Order"].'
            )
    return tuple(labels)


def checked_former_columns(
    model: type[models.Model], columns: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the columns of ``former_columns=`` by the names of their fields, each checked."""
    names = checked_names(model, "former_columns", list(columns))
    for name, earlier in columns.items():
        if isinstance(earlier, str):
            raise DeclarationError(
                f"{model._meta.label} is tracked with former_columns={dict(columns)!r}: give a"
                f" list of columns, such as former_columns={{{name!r}: [{earlier!r}]}}."
            )
    return {name: tuple(earlier) for name, earlier in zip(names, columns.values(), strict=True)}


def checked_barrier(model: type[models.Model], given: bool | None) -> bool | None:
    """Return ``security_barrier=``, checked to be true, false or not given."""
    if given is not None and not isinstance(given, bool):
        raise DeclarationError(
            f"{model._meta.label} is tracked with security_barrier={given!r}. Give True or False."
        )
    return given


def refuse_options(declaration: Declaration) -> None:
    """Raise for names and options that no class of events could have."""
    model = declaration.tracked_model
    what = f"{model._meta.label} cannot be tracked: "
    if not declarations.declared.has_listeners():
        raise DeclarationError(
            what + '"pgaudit_log" is not in INSTALLED_APPS, so there would be nowhere to write its'
            " events. Add it."
        )
    for argument, name in (
        ("model_name", declaration.model_name),
        ("related_name", getattr(declaration.obj_field, "related_name", None)),
    ):
        is_hidden = argument == "related_name" and name == "+"
        if name is not None and not is_hidden and not name.isidentifier():
            raise DeclarationError(what + f"{argument}={name!r} is not a Python name.")
    refuse_meta(what, declaration.meta)
    refuse_attrs(what, declaration.attrs)


def _refuse_kinds(what: str, model: type[models.Model]) -> None:
    """Raise for a model that has no table of its own, or whose table has events."""
    if model._meta.apps is not apps:
        raise DeclarationError(
            what
            + "it is a model of a migration's state. A receiver of class_prepared, which is sent"
            " for those too, tells them by sender._meta.apps is not django.apps.apps."
        )
    if hasattr(concrete(model), "pgh_declaration") or concrete(model)._meta.app_label == APP_LABEL:
        raise DeclarationError(
            what + "it is a model of events, whose tracking would never stop. Leave out models that"
            " issubclass(model, pgaudit_log.models.Event), and those of the app pgaudit_log."
        )
    if model._meta.swapped:
        raise DeclarationError(
            what + f"it has no table, because {model._meta.swappable} puts {model._meta.swapped} in"
            " its place. Track that."
        )
    if not concrete(model)._meta.managed:
        raise DeclarationError(
            what + "it is unmanaged (managed = False), so that no migration could install its"
            " triggers. Track a managed model of that table."
        )


def refuse_untrackable(declaration: Declaration) -> None:
    """Raise for what no trigger could capture, or what could not be read back."""
    model = declaration.tracked_model
    what = f"{model._meta.label} cannot be tracked: "
    _refuse_kinds(what, model)
    columns = declaration.columns
    if not columns:
        raise DeclarationError(
            what + "no field is left to track. Name one in fields=, or exclude fewer."
        )
    for field in columns:
        if field.name.startswith(METADATA_PREFIX):
            raise DeclarationError(
                what + f'its field "{field.name}" is named like an event\'s own fields.'
                f' Rename it (db_column can stay), or exclude=["{field.name}"].'
            )
    _refuse_large(what, declaration, [field.name for field in columns])
    for tracker in declaration.trackers:
        condition = getattr(tracker, "condition", None)
        if isinstance(condition, Change):
            names = [*(condition.fields or ()), *(condition.exclude or ())]
            _refuse_unknown_names(what, model, tracker, names)
        elif isinstance(condition, pgtrigger.Q):
            _refuse_unknown_paths(what, model, tracker, condition)


def refuse_only_automatic(declaration: Declaration) -> None:
    """Raise for ``exclude_auto=True`` where all that is tracked is automatic."""
    columns = declaration.columns
    if all(is_automatic(field) for field in columns):
        raise DeclarationError(
            f"{declaration.tracked_model._meta.label} is tracked with exclude_auto=True, but all of"
            f" its tracked fields are automatic: {', '.join(field.name for field in columns)}."
            " Track another one, or leave exclude_auto= out."
        )


def _refuse_large(what: str, declaration: Declaration, tracked: Sequence[str]) -> None:
    """Raise for ``large=`` of what is not tracked, or what events are found by."""
    meta = concrete(declaration.tracked_model)._meta
    keys = [field.name for field in key_fields(concrete(declaration.tracked_model))]
    for name in declaration.large:
        what_is_large = what + f'large= names "{name}", '
        if name in keys or isinstance(meta.get_field(name), models.ForeignKey):
            raise DeclarationError(
                what_is_large + "which is a key, that each event must have. Leave it out."
            )
        if name not in tracked:
            raise DeclarationError(what_is_large + "which is not tracked. Leave it out.")


def _refuse_unknown_names(
    what: str, model: type[models.Model], tracker: Tracker, names: Iterable[str]
) -> None:
    """Raise for a condition that names what is not a column of the table."""
    local = {f.name for f in concrete(model)._meta.local_fields}
    for name in names:
        try:
            found = concrete(model)._meta.get_field(name).name
        except FieldDoesNotExist:
            found = ""
        if found not in local:
            raise DeclarationError(
                what + f'the condition of "{tracker.label}" names "{name}", which is not a'
                f" column of its table. Its fields are {', '.join(sorted(local))}."
            )


def _refuse_unknown_paths(
    what: str, model: type[models.Model], tracker: Tracker, condition: pgtrigger.Q
) -> None:
    """Raise for a ``Q`` that names no row, no column, or a column of a related table."""
    for path in names_in(condition):
        row, _, rest = path.partition("__")
        name, *lookups = rest.split("__")
        if row not in ("old", "new") or not name:
            raise DeclarationError(
                what + f'the condition of "{tracker.label}" asks for "{path}". Say of which row:'
                f" old__{path} or new__{path}."
            )
        if name == "pk":
            continue
        _refuse_unknown_names(what, model, tracker, [name])
        field = concrete(model)._meta.get_field(name)
        if field.is_relation and lookups and field.get_lookup(lookups[0]) is None:
            raise DeclarationError(
                what + f'the condition of "{tracker.label}" follows "{path}" into another table,'
                f" of which a trigger sees nothing. Ask for {row}__{name} itself."
            )
