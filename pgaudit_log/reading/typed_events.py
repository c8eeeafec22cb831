"""Typed events: an unmanaged model over a view for each ``track()``, built as it is declared."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, NamedTuple

from django.apps import apps
from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.conf import settings
from pgaudit_log.constants import DOCS
from pgaudit_log.declaring import declarations, former_names, types_modules
from pgaudit_log.declaring.declarations import Declaration, ObjForeignKey
from pgaudit_log.declaring.masks import is_masked, masks_of
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.reading import event_views, timeline_method
from pgaudit_log.reading.event_fields import event_field
from pgaudit_log.reading.event_model import Event
from pgaudit_log.reading.light_fields import lightened
from pgaudit_log.reading.masked_fields import MaskedEventField
from pgaudit_log.reading.object_field import EventForeignKey, EventForeignObject
from pgaudit_log.reading.snapshot_sql import ReadColumn, Table
from pgaudit_log.values import column_json
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.quoting import shorten
from pgaudit_log.values.tables import Field, column_of, concrete, parents_of


def build(declaration: Declaration) -> type[Event]:
    """Make the event class of ``declaration`` and put it where users look for it.

    It becomes ``Model.pgh_event_model``, if it is the only one, an entry of ``Model.pgh_event_models`` under
    each tracker's label, and an attribute of the app's ``models`` module.

    Raises:
        DeclarationError: when its name or its accessor is taken.
    """
    tracked = declaration.tracked_model
    module = models_module(declaration)
    _refuse_taken_names(declaration, module)
    _let_loops_go_on(declaration.app_label)
    # Where plugins of type checkers look a model up: by the name of its module.
    where = types_modules.name_of(declaration.app_label) or module.__name__
    event_model = type(declaration.model_name, (Event,), _attributes(declaration, where))
    setattr(module, declaration.model_name, event_model)
    _event_models[declaration] = event_model
    for model in dict.fromkeys([tracked, concrete(tracked)]):
        _attach(model)
        if declaration.follow:
            timeline_method.attach(model)
    _follow_fields(concrete(tracked))
    # A child may have been tracked before its parent.
    for child in _children(concrete(tracked)):
        for other in declarations.declarations_of(child):
            if declaration in inherited(other):
                complete(other)
    return event_model


def _children(model: type[models.Model]) -> list[type[models.Model]]:
    """Return the models with tables of their own that inherit a model, at whatever depth."""
    subclasses = [
        child for direct in model.__subclasses__() for child in (direct, *_children(direct))
    ]
    return [child for child in dict.fromkeys(subclasses) if concrete(child) is child]


def complete(declaration: Declaration) -> None:
    """Give the class of typed events the fields that it lacks.

    A model may get fields after it was tracked: from libraries that add them to the models of
    others, such as django-modeltranslation, and from a parent that is tracked only later.
    """
    event_model = event_model_of(declaration)
    for name, field in _event_fields(declaration).items():
        if name not in declaration.attrs and name not in {f.name for f in event_model._meta.fields}:
            event_model.add_to_class(name, field)


def _follow_fields(model: type[models.Model]) -> None:
    """Complete the typed events of a tracked model whenever it gets another field."""
    meta: Any = model._meta
    if "add_field" in vars(meta):
        return
    add_field = meta.add_field

    @wraps(add_field)
    def add_and_follow(field: Field, private: bool = False) -> None:
        add_field(field, private=private)
        for own in (model, *_children(model)):
            for declaration in declarations.declarations_of(own):
                complete(declaration)

    # Django has no signal for it.
    meta.add_field = add_and_follow


def _let_loops_go_on(app_label: str) -> None:
    """Let a loop over an app's models go on, although a class is added to them.

    ``AppConfig.get_models()`` goes through the registry itself.
    """
    if apps.models_ready:
        apps.all_models[app_label] = dict(apps.all_models[app_label])
        apps.app_configs[app_label].models = apps.all_models[app_label]


def models_module(declaration: Declaration) -> Any:
    """Return the ``models`` module of the declaration's app."""
    label = declaration.app_label
    if label not in apps.app_configs:
        raise DeclarationError(
            f'{declaration.label} is tracked with app_label="{label}", which is no installed app.'
            " Give the label of one of yours."
        )
    name = f"{apps.app_configs[label].name}.models"
    tracked_module = sys.modules[declaration.tracked_model.__module__]
    return sys.modules.get(name, tracked_module)


def _refuse_taken_names(declaration: Declaration, module: Any) -> None:
    what = f"{declaration.label} cannot be tracked: "
    name = declaration.model_name
    tracked = declaration.tracked_model
    is_taken = name.lower() in apps.all_models[declaration.app_label]
    if is_taken or hasattr(module, name) or name == tracked.__name__:
        raise DeclarationError(
            what + f"{module.__name__} already has a {name}. Give track() another model_name=."
        )
    columns = {field.name for field in declaration.columns} if declaration.attrs else ()
    for attribute in declaration.attrs:
        if attribute in columns:
            raise DeclarationError(
                what + f'attrs= would take the place of its field "{attribute}". Call it otherwise.'
            )
    accessor = related_name(declaration)
    if accessor is None:
        return
    model = concrete(tracked)
    own = {field.name for field in model._meta.local_fields}
    # Not many_to_many, which Django would have to put together anew for each model.
    for kind in (model, *parents_of(model)):
        own |= {field.name for field in kind._meta.local_many_to_many}
    others = [d for d in declarations.declarations_of(model) if d is not declaration]
    if (
        accessor in own
        or accessor in (related_name(d) for d in others)
        or _is_in_the_way(getattr(model, accessor, None))
    ):
        raise DeclarationError(
            what + f'it already has "{accessor}", the accessor of its events. Give another with'
            ' obj_field=pgaudit_log.ObjForeignKey(related_name="audit_events").'
        )


def _is_in_the_way(attribute: Any) -> bool:
    """Return whether an attribute of a model is anything but the accessor of a parent's events."""
    related_model = getattr(getattr(attribute, "rel", None), "related_model", None)
    return attribute is not None and not hasattr(related_model, "pgh_declaration")


def related_name(declaration: Declaration) -> str | None:
    """Return the accessor of the events on the tracked model, or ``None`` where there is none."""
    obj_field = declaration.obj_field
    if obj_field is None or (isinstance(obj_field, ObjForeignKey) and obj_field.is_hidden):
        return None
    given = obj_field.related_name if isinstance(obj_field, ObjForeignKey) else None
    return given or "_".join([*(declaration.fields or ()), "events"])


def _attributes(declaration: Declaration, module_name: str) -> dict[str, Any]:
    tracked = declaration.tracked_model
    meta = {
        "app_label": declaration.app_label,
        # Leaves the class out of makemigrations, content types, permissions and dumpdata.
        "auto_created": tracked,
        "managed": False,
        "db_table": _view_name(declaration),
        "verbose_name": f"{tracked._meta.verbose_name} event",
        **declaration.meta,
    }
    attributes: dict[str, Any] = {
        "__module__": module_name,
        "__doc__": f"A typed event of {declaration.label}.",
        "Meta": type("Meta", (Event.Meta,), {**meta, "abstract": False}),
        "pgh_tracked_model": tracked,
        "pgh_trackers": declaration.trackers,
        "pgh_declaration": declaration,
        **_event_fields(declaration),
    }
    attributes.update(_obj_fields(declaration))
    return {**attributes, **declaration.attrs}


def _event_fields(declaration: Declaration) -> dict[str, Field]:
    """Return the fields of typed events for those that are tracked now, inherited ones included."""
    return {
        name: MaskedEventField(field) if is_masked(field) else event_field(field)
        for name, field in tracked_fields(declaration).items()
    }


def tracked_fields(declaration: Declaration) -> dict[str, Field]:
    """Return the fields that typed events show, by name: those that are tracked now, also by parents."""
    return {
        field.name: field
        for part in (declaration, *inherited(declaration))
        for field in part.columns
    }


def _view_name(declaration: Declaration) -> str:
    return shorten(f"{declaration.app_label}_{declaration.model_name.lower()}")


def _obj_fields(declaration: Declaration) -> dict[str, Any]:
    """Return the fields that refer to the object: ``pgh_obj``, with a composite key its parts too."""
    given = declaration.obj_field
    if given is None:
        return {}
    tracked = declaration.tracked_model
    options: dict[str, Any] = {
        "on_delete": models.DO_NOTHING,
        "null": True,
        "related_name": related_name(declaration) or "+",
        "related_query_name": given.related_query_name
        if isinstance(given, ObjForeignKey)
        else None,
    }
    keys = key_fields(concrete(tracked))
    if len(keys) == 1:
        options.update(db_constraint=False, db_index=False)
        return {"pgh_obj": lightened(EventForeignKey(tracked, **options))}
    parts = {f"pgh_obj_{field.name}": event_field(field) for field in keys}
    reference = EventForeignObject(
        tracked, from_fields=list(parts), to_fields=[field.name for field in keys], **options
    )
    return {**parts, "pgh_obj": reference}


_event_models: dict[Declaration, type[Event]] = {}
"""The class of typed events of each declaration.

Not what ``Model.pgh_event_models`` says, because django-pghistory calls its own the same.
"""


class _EventModels:
    """The attribute ``pgh_event_models`` of a tracked model: the classes of its events by label."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model

    def __get__(self, instance: models.Model, owner: Any = None) -> dict[str, type[Event]]:
        # A child of multi-table inheritance that is not tracked itself has its parent's.
        return {
            label: event_model_of(declaration)
            for declaration in declarations.declarations_of(self.model)
            if self.model in (declaration.tracked_model, concrete(declaration.tracked_model))
            for label in declaration.tracker_labels
        }


class _EventModel(_EventModels):
    """The attribute ``pgh_event_model``: the class of a model's events, where it has one only."""

    def __get__(self, instance: models.Model, owner: Any = None) -> Any:
        by_label = super().__get__(instance, owner)
        found = [*dict.fromkeys(by_label.values())]
        if len(found) > 1:
            names = " and ".join(
                f"{event_model.__name__} ("
                + ", ".join(repr(label) for label, own in by_label.items() if own is event_model)
                + ")"
                for event_model in found
            )
            name = self.model.__name__
            raise ValueError(
                f"{name}.pgh_event_model is ambiguous: its events have the classes {names}."
                f" Import the one that you mean, or take {name}.pgh_event_models[label]."
            )
        return found[0]


def _attach(model: type[models.Model]) -> None:
    """Give a tracked model the two attributes, unless django-pghistory was there first."""
    for name, attribute in (("pgh_event_models", _EventModels), ("pgh_event_model", _EventModel)):
        if name not in vars(model):
            setattr(model, name, attribute(model))


def event_models() -> Iterator[type[Event]]:
    """Yield the class of typed events of each declaration."""
    for declaration in declarations.declarations():
        yield event_model_of(declaration)


def event_model_of(declaration: Declaration) -> type[Event]:
    """Return the class of the typed events of ``declaration``."""
    return _event_models[declaration]


def inherited(declaration: Declaration) -> list[Declaration]:
    """Return the declarations of the models that a tracked model inherits by multi-table inheritance.

    Where a child's accessor has the name of its parent's and so hides it, it shows the events
    of both, and in each the whole object. Only parents whose primary key is the child's too
    can be shown.
    """
    found: list[Declaration] = []
    model = concrete(declaration.tracked_model)
    while (key := model._meta.pk) is not None and key.remote_field is not None:
        if not getattr(key.remote_field, "parent_link", False):
            break
        model = concrete(key.remote_field.model)
        found += [
            parent
            for parent in declarations.declarations_of(model)
            if related_name(parent) == related_name(declaration) is not None
        ]
    return found


def view_of(event_model: type[Any], connection: BaseDatabaseWrapper) -> event_views.View:
    """Return the view that should stand under a class of typed events, in a database."""
    declaration: Declaration = event_model.pgh_declaration
    tables = [
        _table(part, event_model, connection.alias)
        for part in (declaration, *inherited(declaration))
    ]
    obj_key = _key_columns(event_model)
    select = event_views.select_sql(tables=tables, obj_key=obj_key, connection=connection)
    fields = [column.field for table in tables for column in table.columns]
    fields += [field for _, field in obj_key]
    is_plain = all(
        column_json.is_plain(column_json.sql_type(field, connection)) for field in fields
    )
    is_barrier = declaration.security_barrier
    return event_views.View(
        event_model._meta.db_table,
        select,
        is_plain,
        settings.SECURITY_BARRIER if is_barrier is None else is_barrier,
        _description(declaration),
    )


def _description(declaration: Declaration) -> str:
    """Return what a view of typed events is, in one line, as its comment says it."""
    labels = ", ".join(declaration.tracker_labels)
    text = (
        f"the events of {declaration.label} in its own columns, one row an event; trackers: {labels};"
        f" only to be read, see {DOCS}"
    )
    return " ".join(text.split())


def _table(declaration: Declaration, event_model: type[Any], using: str) -> Table:
    """Return what the view of ``event_model`` reads of the declaration's table."""
    return table(
        declaration,
        using,
        lambda field: column_of(event_model._meta.get_field(field.name)),
    )


def table(
    declaration: Declaration,
    using: str,
    name: Callable[[Field], str] = column_of,
) -> Table:
    """Return what can be read of the declaration's table in a database, with its columns under ``name``."""
    tracked = declaration.tracked_model
    masks = masks_of(tracked)
    once_masked = former_names.of(tracked, using).masked
    columns = [
        ReadColumn(
            name(field),
            field,
            is_masked=column_of(field) in masks,
            was_masked=column_of(field) in once_masked,
        )
        for field in declaration.columns
    ]
    keys = key_fields(concrete(tracked))
    read = {column_of(field) for field in [*(column.field for column in columns), *keys]}
    # What no column that is read is called, or was, need not be made sense of.
    renamed = {
        shape: shape_names
        for shape, shape_names in former_names.of(tracked, using).renamed.items()
        if read & {*shape_names, *shape_names.values()}
    }
    return Table(
        labels=former_names.labels_of(tracked, using),
        other_labels=declarations.labels_of_others(declaration),
        columns=columns,
        renamed=renamed,
        declared={
            former: column
            for former, column in former_names.declared_columns(tracked).items()
            if former not in read
        },
        large=former_names.large_columns(tracked, using) & read,
    )


def _key_columns(event_model: type[Any]) -> list[tuple[str, Field]]:
    """Return the columns with the object's key, with the key's fields; none without ``pgh_obj``."""
    declaration: Declaration = event_model.pgh_declaration
    if declaration.obj_field is None:
        return []
    keys = key_fields(concrete(declaration.tracked_model))
    if len(keys) == 1:
        return [("pgh_obj_id", keys[0])]
    return [(event_model._meta.get_field(f"pgh_obj_{f.name}").column, f) for f in keys]


def event_models_for(using: str) -> list[type[Event]]:
    """Return the classes of typed events whose views the database ``using`` should have.

    They are in the order of declaration.
    """
    return [
        event_model
        for event_model in event_models()
        if router.allow_migrate_model(using, concrete(event_model.pgh_tracked_model))
    ]


class Views(NamedTuple):
    """The views that a database should have."""

    views: list[event_views.View]
    """In the order of declaration."""
    errors: list[str]
    """What is told of those that could not be made out."""


def views_for(using: str) -> Views:
    """Return the views that the database ``using`` should have.

    One model's trouble keeps none of the other views from being known.
    """
    found = Views([], [])
    for event_model in event_models_for(using):
        try:
            found.views.append(view_of(event_model, connections[using]))
        except Exception as error:
            declaration: Declaration = event_model.pgh_declaration  # type: ignore[attr-defined]
            found.errors.append(
                f"The view {event_model._meta.db_table} of the events of {declaration.label}"
                f" could not be made: {error}"
            )
    return found
