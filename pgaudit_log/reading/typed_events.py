"""Typed events: an unmanaged model over a view for each ``track()``, built as it is declared."""

from __future__ import annotations

from typing import Any

from django.db import models

from pgaudit_log.declaring import declarations, types_modules
from pgaudit_log.declaring.declarations import Declaration, ObjForeignKey
from pgaudit_log.declaring.masks import is_masked
from pgaudit_log.reading import event_classes, event_names, model_hooks, timeline_method
from pgaudit_log.reading.event_fields import event_field
from pgaudit_log.reading.event_model import Event
from pgaudit_log.reading.light_fields import lightened
from pgaudit_log.reading.masked_fields import MaskedEventField
from pgaudit_log.reading.object_field import EventForeignKey, EventForeignObject
from pgaudit_log.reading.shown_fields import inherited, tracked_fields
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import Field, concrete


def build(declaration: Declaration) -> type[Event]:
    """Make the event class of ``declaration`` and put it where users look for it.

    It becomes ``Model.pgh_event_model``, if it is the only one, an entry of ``Model.pgh_event_models`` under
    each tracker's label, and an attribute of the app's ``models`` module.

    Raises:
        DeclarationError: when its name or its accessor is taken.
    """
    tracked = declaration.tracked_model
    module = event_names.models_module(declaration)
    event_names.refuse_taken(declaration, module)
    model_hooks.let_loops_go_on(declaration.app_label)
    # Where plugins of type checkers look a model up: by the name of its module.
    where = types_modules.name_of(declaration.app_label) or module.__name__
    event_model = type(declaration.model_name, (Event,), _attributes(declaration, where))
    setattr(module, declaration.model_name, event_model)
    event_classes.register(declaration, event_model)
    if declaration.follow:
        for model in dict.fromkeys([tracked, concrete(tracked)]):
            timeline_method.attach(model)
    model_hooks.follow_fields(concrete(tracked), _complete_all)
    # A child may have been tracked before its parent.
    for child in _children(concrete(tracked)):
        for other in declarations.declarations_of(child):
            if declaration in inherited(other):
                complete(other)
    return event_model


def _children(model: type[models.Model]) -> list[type[models.Model]]:
    """Return the models with tables of their own that inherit a model, at whatever depth.

    ``tables.heirs_of`` asks the registry for them, which cannot be asked while models are declared.
    """
    subclasses = [
        child for direct in model.__subclasses__() for child in (direct, *_children(direct))
    ]
    return [child for child in dict.fromkeys(subclasses) if concrete(child) is child]


def complete(declaration: Declaration) -> None:
    """Give the class of typed events the fields that it lacks.

    A model may get fields after it was tracked: from libraries that add them to the models of
    others, such as django-modeltranslation, and from a parent that is tracked only later.
    """
    event_model = event_classes.event_model_of(declaration)
    for name, field in _event_fields(declaration).items():
        if name not in declaration.attrs and name not in {f.name for f in event_model._meta.fields}:
            event_model.add_to_class(name, field)


def _complete_all(model: type[models.Model]) -> None:
    """Complete the typed events of a tracked model, and of its children."""
    for own in (model, *_children(model)):
        for declaration in declarations.declarations_of(own):
            complete(declaration)


def _attributes(declaration: Declaration, module_name: str) -> dict[str, Any]:
    tracked = declaration.tracked_model
    meta = {
        "app_label": declaration.app_label,
        # Leaves the class out of makemigrations, content types, permissions and dumpdata.
        "auto_created": tracked,
        "managed": False,
        "db_table": event_names.view_name(declaration),
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


def _obj_fields(declaration: Declaration) -> dict[str, Any]:
    """Return the fields that refer to the object: ``pgh_obj``, with a composite key its parts too."""
    given = declaration.obj_field
    if given is None:
        return {}
    tracked = declaration.tracked_model
    options: dict[str, Any] = {
        "on_delete": models.DO_NOTHING,
        "null": True,
        "related_name": event_names.related_name(declaration) or "+",
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
