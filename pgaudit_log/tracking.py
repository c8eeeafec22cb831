"""Tracking: ``track()`` turns trackers and a model into a declaration and its triggers."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pgtrigger
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from pgtrigger import Level

from pgaudit_log.conf import settings
from pgaudit_log.constants import APP_LABEL
from pgaudit_log.declaring import abstract_bases, declarations, third_party_apps, trigger_registry
from pgaudit_log.declaring.conditions import Change, is_automatic
from pgaudit_log.declaring.declarations import Declaration, ObjForeignKey
from pgaudit_log.declaring.ported_options import refuse_attrs, refuse_meta, refuse_options_of_track
from pgaudit_log.declaring.trackers import (
    DEFAULT_TRACKERS,
    UNSET,
    RowEvent,
    Tracker,
    _Unset,
    names_in,
)
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.triggers.trigger import CaptureTrigger
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import concrete

M = TypeVar("M", bound=models.Model)

METADATA_PREFIX = "pgh_"
"""What the names of an event's own fields start with; a tracked field may not."""

LEVELS = {"ROW": pgtrigger.Row, "STATEMENT": pgtrigger.Statement}


def track(
    *trackers: Tracker,
    fields: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    exclude_auto: bool = False,
    large: Sequence[str] | None = None,
    obj_field: ObjForeignKey | None | _Unset = UNSET,
    model_name: str | None = None,
    app_label: str | None = None,
    attrs: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
    level: Level | None = None,
    former_labels: Sequence[str] = (),
    former_columns: Mapping[str, Sequence[str]] | None = None,
    security_barrier: bool | None = None,
    append_only: bool = True,
    context_field: Any = UNSET,
    context_id_field: Any = UNSET,
    base_model: Any = UNSET,
) -> Callable[[type[M]], type[M]]:
    """Return a decorator that tracks a model.

    The decorated class comes back as it is. Its events can be read as
    ``instance.events``, ``Model.pgh_event_model`` and ``Model.pgh_event_models["label"]``,
    and the class of its events, ``OrderEvent``, can be imported from the app's ``models``.
    On an abstract model it is for each model with a table that inherits it, unless that one has
    a ``track()`` or :func:`untrack` of its own.

    Args:
        *trackers: what to capture; by default inserts, updates, deletes and truncates, or
            what the setting ``PGAUDIT_LOG_DEFAULT_TRACKERS`` says.
        fields: names of the fields to track; by default all of the model's own table.
        exclude: names of fields to leave out instead.
        exclude_auto: an update that changes nothing but fields with ``auto_now`` or
            ``auto_now_add`` makes no event. Events have these fields all the same. It is
            ``AnyChange(exclude_auto=True)`` for all trackers whose condition names no fields.
        large: names of tracked fields with large values that change seldom, such as documents.
            An event stores such a value only where no earlier event of the object has it;
            else it refers to that event. Whatever reads events gets the value.
        obj_field: an :class:`ObjForeignKey` that names the accessor, or ``None`` for
            events without a reference to their object.
        model_name: the name of the event class; by default the model's with "Event".
        app_label: the app whose ``models`` the event class is put into.
        attrs: further attributes of the event class.
        meta: further attributes of its ``Meta``.
        level: ``Statement`` or ``Row`` for trackers that do not say; by default the
            setting ``PGAUDIT_LOG_LEVEL``.
        former_labels: labels that the model had before, such as "old_app.Order" of a
            model that was moved; renames in its own migrations are found without it.
        former_columns: names that columns had before, by field; renames in the model's
            migrations are found without it.
        security_barrier: whether the view of the events keeps whoever was granted it, and not the
            event table, from seeing other events by the conditions of a query; by default the
            setting ``PGAUDIT_LOG_SECURITY_BARRIER``. Such a view uses fewer indexes.
        append_only: accepted for django-pghistory's sake; events are always append-only.
        context_field: refused, as are the next two: there is no table of events to configure.
        context_id_field: see ``context_field``.
        base_model: see ``context_field``.

    Raises:
        DeclarationError: for what cannot be tracked as it is declared.
    """

    chosen = _trackers_or_default(trackers)
    if exclude_auto:
        chosen = tuple(map(_without_automatic, chosen))
    if level is not None and not isinstance(level, Level):
        raise DeclarationError(
            f"track() was given level={level!r}. Give pgaudit_log.Statement or pgaudit_log.Row."
        )

    refuse_options_of_track(
        {
            "context_field": context_field,
            "context_id_field": context_id_field,
            "base_model": base_model,
        },
        UNSET,
    )

    def track_child(child: type[models.Model]) -> None:
        own = abstract_bases.local_names(child, fields)
        # Of a child of multi-table inheritance, they may all be in its parent's table.
        if own or not fields:
            track(
                *trackers,
                fields=own,
                exclude=abstract_bases.local_names(child, exclude),
                exclude_auto=exclude_auto,
                large=abstract_bases.local_names(child, large),
                security_barrier=security_barrier,
                obj_field=obj_field,
                app_label=app_label,
                attrs=attrs,
                meta=meta,
                level=level,
                former_columns={
                    name: columns
                    for name, columns in (former_columns or {}).items()
                    if abstract_bases.local_names(child, [name])
                },
                append_only=append_only,
            )(child)

    def decorate(model: type[M]) -> type[M]:
        declaration = _declaration(
            model,
            chosen,
            fields=_names(model, "fields", fields) if fields is not None else None,
            exclude=_names(model, "exclude", exclude or ()),
            large=_names(model, "large", large or ()),
            obj_field=_obj_field_or_default(obj_field),
            model_name=model_name,
            app_label=app_label,
            former_labels=_former_labels(model, former_labels),
            former_columns=_former_columns(model, former_columns or {}),
            security_barrier=_security_barrier(model, security_barrier),
            attrs=attrs,
            meta=meta,
        )
        if not append_only:
            raise DeclarationError(
                f"{model._meta.label} is tracked with append_only=False, but events are always"
                " append-only. Leave append_only= out."
            )
        _refuse_options(declaration)
        if model._meta.abstract:
            abstract_bases.refuse_names_of_one(declaration, model_name)
            abstract_bases.declare(model, track_child)
            return model
        _refuse_untrackable(declaration)
        third_party_apps.refuse(model)
        if exclude_auto:
            _refuse_only_automatic(declaration)
        triggers = [
            _trigger(tracker, declaration, level)
            for tracker in declaration.trackers
            if isinstance(tracker, RowEvent)
        ]
        declarations.refuse_taken_labels(declaration)
        _refuse_taken_trigger_names(model, triggers)
        declarations.register(declaration)
        abstract_bases.claim(model)
        pgtrigger.register(*triggers)(model)
        return model

    return decorate


def _declaration(
    model: type[models.Model],
    trackers: tuple[Tracker, ...],
    *,
    fields: tuple[str, ...] | None,
    exclude: tuple[str, ...],
    large: tuple[str, ...],
    obj_field: ObjForeignKey | None | _Unset,
    model_name: str | None,
    app_label: str | None,
    former_labels: tuple[str, ...],
    former_columns: Mapping[str, tuple[str, ...]],
    security_barrier: bool | None,
    attrs: Mapping[str, Any] | None,
    meta: Mapping[str, Any] | None,
) -> Declaration:
    if fields is not None and exclude:
        raise DeclarationError(
            f"{model._meta.label} is tracked with both fields= and exclude=. Give one of them."
        )
    return Declaration(
        tracked_model=model,
        trackers=trackers,
        fields=fields,
        exclude=exclude,
        large=large,
        obj_field=obj_field,
        model_name=model_name or event_model_name(model, fields),
        app_label=app_label or model._meta.app_label,
        former_labels=former_labels,
        former_columns=former_columns,
        security_barrier=security_barrier,
        attrs=dict(attrs or {}),
        meta=dict(meta or {}),
    )


def event_model_name(model: type[models.Model], fields: Iterable[str] | None) -> str:
    """Return the default name of an event class: ``OrderEvent``, or ``OrderStatusEvent`` for some fields."""
    parts = [model.__name__, *(fields or ()), "event"]
    name = "_".join(parts)
    return name[0].upper() + re.sub(r"[\-_.\s]+([a-zA-Z0-9])", lambda m: m[1].upper(), name[1:])


def _trackers_or_default(trackers: tuple[object, ...]) -> tuple[Tracker, ...]:
    given = trackers or tuple(settings.DEFAULT_TRACKERS or DEFAULT_TRACKERS)
    chosen = tuple(tracker for tracker in given if isinstance(tracker, Tracker))
    for tracker in given:
        if tracker not in chosen:
            hint = f" Write {tracker.__name__}()." if isinstance(tracker, type) else ""
            if isinstance(tracker, type) and issubclass(tracker, models.Model):
                hint = " Write @pgaudit_log.track() with parentheses."
            raise DeclarationError(
                f"track() was given {tracker!r}, which is not a tracker such as"
                f" pgaudit_log.UpdateEvent().{hint}"
            )
    return chosen


def _without_automatic(tracker: Tracker) -> Tracker:
    """Return a tracker for which a change of automatic fields only is none, unless it names fields."""
    if not isinstance(tracker, RowEvent) or not isinstance(tracker.condition, Change):
        return tracker
    if tracker.condition.fields:
        return tracker
    condition = copy.copy(tracker.condition)
    condition.exclude_auto = True
    return tracker.with_condition(condition)


def _obj_field_or_default(
    obj_field: ObjForeignKey | None | _Unset,
) -> ObjForeignKey | None | _Unset:
    if obj_field is UNSET and settings.OBJ_FIELD is not None:
        obj_field = settings.OBJ_FIELD
    if (
        obj_field is not None
        and obj_field is not UNSET
        and not isinstance(obj_field, ObjForeignKey)
    ):
        raise DeclarationError(
            f"obj_field={obj_field!r} is neither None nor a pgaudit_log.ObjForeignKey."
            ' Give pgaudit_log.ObjForeignKey(related_name="…") to name the accessor.'
        )
    return obj_field


def _names(model: type[models.Model], argument: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of ``fields=`` and the like, each checked to be a column of the model's table."""
    where = f"{model._meta.label} is tracked with {argument}={list(names)!r}"
    if isinstance(names, str):
        raise DeclarationError(f"{where}: give a list, such as {argument}=[{names!r}].")
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


def _former_labels(model: type[models.Model], labels: Sequence[str]) -> tuple[str, ...]:
    for label in [labels] if isinstance(labels, str) else labels:
        if isinstance(labels, str) or label.count(".") != 1:
            raise DeclarationError(
                f"{model._meta.label} is tracked with former_labels={labels!r}: give a list of"
                ' labels, such as former_labels=["old_app.Order"].'
            )
    return tuple(labels)


def _former_columns(
    model: type[models.Model], columns: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    names = _names(model, "former_columns", list(columns))
    for name, earlier in columns.items():
        if isinstance(earlier, str):
            raise DeclarationError(
                f"{model._meta.label} is tracked with former_columns={dict(columns)!r}: give a"
                f" list of columns, such as former_columns={{{name!r}: [{earlier!r}]}}."
            )
    return {name: tuple(earlier) for name, earlier in zip(names, columns.values(), strict=True)}


def _security_barrier(model: type[models.Model], given: bool | None) -> bool | None:
    if given is not None and not isinstance(given, bool):
        raise DeclarationError(
            f"{model._meta.label} is tracked with security_barrier={given!r}. Give True or False."
        )
    return given


def _refuse_taken_trigger_names(
    model: type[models.Model], triggers: Sequence[CaptureTrigger]
) -> None:
    table = concrete(model)._meta.db_table
    for position, trigger in enumerate(triggers):
        if trigger_registry.has(table, str(trigger.name)) or trigger.name in [
            t.name for t in triggers[:position]
        ]:
            raise DeclarationError(
                f'{model._meta.label} already has a trigger named "{trigger.name}". Give the'
                f' tracker "{trigger.tracker.label}" another trigger_name=.'
            )


def _refuse_options(declaration: Declaration) -> None:
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


def _refuse_untrackable(declaration: Declaration) -> None:
    """Raise for what no trigger could capture, or what could not be read back."""
    model = declaration.tracked_model
    what = f"{model._meta.label} cannot be tracked: "
    _refuse_kinds(what, model)
    columns = declarations.tracked_columns(model, declaration.fields, declaration.exclude)
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


def _refuse_only_automatic(declaration: Declaration) -> None:
    """Raise for ``exclude_auto=True`` where all that is tracked is automatic."""
    columns = declarations.tracked_columns(
        declaration.tracked_model, declaration.fields, declaration.exclude
    )
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


def _trigger(tracker: RowEvent, declaration: Declaration, level: Level | None) -> CaptureTrigger:
    return CaptureTrigger(
        tracker=tracker,
        fields=declaration.fields,
        exclude=declaration.exclude,
        level=tracker.level or level or _default_level(),
        created_at=settings.CREATED_AT_FUNCTION.lower(),
        large=declaration.large,
        # What is in one day, week or month is in one partition, also of a quarter or a year.
        period=settings.PARTITION_INTERVAL
        if settings.PARTITION_INTERVAL in ("day", "week")
        else "month",
    )


def _default_level() -> Level:
    level = settings.LEVEL
    if isinstance(level, Level):
        return level
    try:
        return LEVELS[str(level).upper()]
    except KeyError:
        raise DeclarationError(
            f"PGAUDIT_LOG_LEVEL is {level!r}. Set it to pgaudit_log.Statement or pgaudit_log.Row."
        ) from None
