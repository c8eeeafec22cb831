"""Names of typed events: of their class, their view and their accessor, and which of them are taken."""

from __future__ import annotations

import sys
from typing import Any

from django.apps import apps

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.declarations import Declaration, ObjForeignKey
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.values.quoting import shorten
from pgaudit_log.values.tables import concrete, parents_of


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


def related_name(declaration: Declaration) -> str | None:
    """Return the accessor of the events on the tracked model, or ``None`` where there is none."""
    obj_field = declaration.obj_field
    if obj_field is None or (isinstance(obj_field, ObjForeignKey) and obj_field.is_hidden):
        return None
    given = obj_field.related_name if isinstance(obj_field, ObjForeignKey) else None
    return given or "_".join([*(declaration.fields or ()), "events"])


def view_name(declaration: Declaration) -> str:
    """Return the name of the view of the events of ``declaration``."""
    return shorten(f"{declaration.app_label}_{declaration.model_name.lower()}")


def refuse_taken(declaration: Declaration, module: Any) -> None:
    """Raise if the class of the events of ``declaration``, or their accessor, would hide something.

    Raises:
        DeclarationError: says what it is, and how to call them otherwise.
    """
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
