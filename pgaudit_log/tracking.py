"""Tracking: ``track()`` turns trackers and a model into a declaration and its triggers."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pgtrigger
from django.db import models
from pgtrigger import Level

from pgaudit_log.conf import settings
from pgaudit_log.declaring import abstract_bases, declarations, third_party_apps, trigger_registry
from pgaudit_log.declaring.conditions import Change
from pgaudit_log.declaring.declarations import Declaration, ObjForeignKey
from pgaudit_log.declaring.masks import checked_paths, refuse_masks
from pgaudit_log.declaring.parts import checked_follow
from pgaudit_log.declaring.ported_options import refuse_options_of_track
from pgaudit_log.declaring.trackers import DEFAULT_TRACKERS, UNSET, RowEvent, Tracker, _Unset
from pgaudit_log.declaring.validation import (
    checked_barrier,
    checked_former_columns,
    checked_former_labels,
    checked_names,
    refuse_only_automatic,
    refuse_options,
    refuse_untrackable,
)
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.triggers.trigger import CaptureTrigger
from pgaudit_log.values.tables import concrete

M = TypeVar("M", bound=models.Model)


LEVELS = {"ROW": pgtrigger.Row, "STATEMENT": pgtrigger.Statement}


def track(
    *trackers: Tracker,
    fields: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    exclude_auto: bool = False,
    large: Sequence[str] | None = None,
    mask: Sequence[str] = (),
    mask_hash: Sequence[str] = (),
    mask_context: Sequence[str] = (),
    follow: Sequence[str] = (),
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
    in_migrations: bool = True,
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
        mask: names of fields whose values no event has: events tell that they changed, and never
            from what or to what.
        mask_hash: names of fields of which events have a keyed hash instead, so that equal values
            can be told, and nothing else. Only the owner of the event table can read the key.
        mask_context: keys of contexts whose values the model's events do not have, with dots for those
            inside of others: "ip", "url.token". What no event is to have, is in the setting
            ``PGAUDIT_LOG_MASK_CONTEXT``, which does not send it either.
        follow: names of the relations to what belongs to an object of the model, its parts:
            reverse foreign keys and many-to-many relations by the name that the object has them
            under, generic relations, and the links to parents, whose parts count then, too.
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
        in_migrations: whether ``makemigrations`` writes the triggers into migrations of the model's
            app; else each ``migrate`` installs them, as those of :func:`pgaudit_log.track_models`.
            That is for models whose migrations are not yours to write.
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

    of_child = {
        "fields": fields,
        "exclude": exclude,
        "exclude_auto": exclude_auto,
        "large": large,
        "mask": mask,
        "mask_hash": mask_hash,
        "mask_context": mask_context,
        "follow": follow,
        "security_barrier": security_barrier,
        "obj_field": obj_field,
        "app_label": app_label,
        "attrs": attrs,
        "meta": meta,
        "level": level,
        "former_columns": former_columns,
        "append_only": append_only,
        "in_migrations": in_migrations,
    }

    def track_child(child: type[models.Model]) -> None:
        own = abstract_bases.local_options(child, of_child)
        if own is not None:
            track(*trackers, **own)(child)

    def decorate(model: type[M]) -> type[M]:
        names = checked_names(model, "fields", fields) if fields is not None else None
        declaration = Declaration(
            tracked_model=model,
            trackers=chosen,
            fields=names,
            exclude=checked_names(model, "exclude", exclude or ()),
            large=checked_names(model, "large", large or ()),
            mask=checked_names(model, "mask", mask),
            mask_hash=checked_names(model, "mask_hash", mask_hash),
            mask_context=checked_paths(model, mask_context),
            follow=checked_follow(model, follow),
            obj_field=_obj_field_or_default(obj_field),
            model_name=model_name or event_model_name(model, names),
            app_label=app_label or model._meta.app_label,
            former_labels=checked_former_labels(model, former_labels),
            former_columns=checked_former_columns(model, former_columns or {}),
            security_barrier=checked_barrier(model, security_barrier),
            in_migrations=in_migrations,
            attrs=dict(attrs or {}),
            meta=dict(meta or {}),
        )
        if names is not None and declaration.exclude:
            raise DeclarationError(
                f"{model._meta.label} is tracked with both fields= and exclude=. Give one of them."
            )
        if not append_only:
            raise DeclarationError(
                f"{model._meta.label} is tracked with append_only=False, but events are always"
                " append-only. Leave append_only= out."
            )
        refuse_options(declaration)
        if model._meta.abstract:
            abstract_bases.refuse_names_of_one(declaration, model_name)
            abstract_bases.declare(model, track_child)
            return model
        refuse_untrackable(declaration)
        refuse_masks(declaration)
        if in_migrations:
            third_party_apps.refuse(model)
        if exclude_auto:
            refuse_only_automatic(declaration)
        triggers = _triggers(declaration, level)
        declarations.refuse_taken_labels(declaration)
        _refuse_taken_trigger_names(model, triggers)
        declarations.register(declaration)
        abstract_bases.claim(model)
        pgtrigger.register(*triggers)(model)
        return model

    return decorate


def event_model_name(model: type[models.Model], fields: Iterable[str] | None) -> str:
    """Return the default name of an event class: ``OrderEvent``, or ``OrderStatusEvent`` for some fields."""
    parts = [model.__name__, *(fields or ()), "event"]
    name = "_".join(parts)
    return name[0].upper() + re.sub(r"[\-_.\s]+([a-zA-Z0-9])", lambda m: m[1].upper(), name[1:])


def _trackers_or_default(trackers: tuple[object, ...]) -> tuple[Tracker, ...]:
    given = trackers or tuple(settings.DEFAULT_TRACKERS or DEFAULT_TRACKERS)
    chosen = tuple(tracker for tracker in given if isinstance(tracker, Tracker))
    for tracker in given:
        if not isinstance(tracker, Tracker):
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


def _triggers(declaration: Declaration, level: Level | None) -> list[CaptureTrigger]:
    interval = settings.PARTITION_INTERVAL
    options: dict[str, Any] = {
        "fields": declaration.fields,
        "exclude": declaration.exclude,
        "created_at": settings.CREATED_AT_FUNCTION.lower(),
        "large": declaration.large,
        "mask": declaration.mask,
        "mask_hash": declaration.mask_hash,
        "mask_context": declaration.mask_context,
        "in_migrations": declaration.in_migrations,
        # What is in one day, week or month is in one partition, also of a quarter or a year.
        "period": interval if interval in ("day", "week") else "month",
    }
    found = []
    trackers = [tracker for tracker in declaration.trackers if isinstance(tracker, RowEvent)]
    if level is None and not all(tracker.level for tracker in trackers):
        level = _default_level()
    for tracker in trackers:
        options["level"] = tracker.level or level
        key = (id(tracker), *options.items())
        if key not in _made:
            _made[key] = CaptureTrigger(tracker=tracker, **options)
        found.append(_made[key])
    return found


_made: dict[Any, CaptureTrigger] = {}
"""The triggers by what they are made of. One may be on many models, and knows none of them.

Each has its tracker, so that nothing else gets its id.
"""


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
