"""Checks of the declarations: whether changes of each tracked model can be captured and read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core import checks
from django.db import connections, router

from pgaudit_log.checks import masks
from pgaudit_log.declaring import declarations, parts
from pgaudit_log.reading import event_classes, event_names
from pgaudit_log.values.tables import concrete

Messages = list[checks.CheckMessage]


def check_models(app_configs: Any, **kwargs: Any) -> Messages:
    """Return an error for each tracked model whose changes could not be captured, or read.

    And a warning for each that has what should not be captured.
    """
    return [
        message
        for declaration in declarations.declarations()
        for message in _check_declaration(declaration)
    ]


def check_parts(app_configs: Any, **kwargs: Any) -> Messages:
    """Return an error for each relation that ``follow=`` names and that cannot be followed."""
    return [
        checks.Error(fault.message, hint=fault.hint, obj=fault.model, id=fault.id)
        for fault in parts.faults()
    ]


def _check_declaration(declaration: declarations.Declaration) -> Iterator[checks.CheckMessage]:
    model = concrete(declaration.tracked_model)
    alias = router.db_for_write(model)
    if connections[alias].vendor != "postgresql":
        yield checks.Error(
            f'{declaration.label} is tracked, but the database "{alias}" it is written to is'
            f" {connections[alias].display_name}, whose changes cannot be captured.",
            hint="Route the model to a PostgreSQL database, or do not track it.",
            obj=declaration.tracked_model,
            id="pgaudit_log.E003",
        )
    if issubclass(model, AbstractBaseSession):
        yield checks.Warning(
            f"{declaration.label} is tracked: its keys are in the trail, and whoever reads the key of a"
            " session that is still open can take it over.",
            hint='Do not track it: track_models(…, exclude=["sessions.*"]). What was captured stays.',
            obj=declaration.tracked_model,
            id="pgaudit_log.W020",
        )
    yield from masks.of_declaration(declaration)
    event_model = event_classes.event_model_of(declaration)
    registered = apps.all_models[declaration.app_label].get(declaration.model_name.lower())
    if registered is not event_model:
        yield checks.Error(
            f"{declaration.app_label}.{declaration.model_name} is the name of the events of"
            f" {declaration.label}, and of another model.",
            hint="Give track() another model_name=.",
            obj=registered,
            id="pgaudit_log.E006",
        )
    for field in model._meta.get_fields():
        other = getattr(field, "related_model", None)
        if (
            field.auto_created
            and not field.concrete
            and other is not event_model
            and field.get_accessor_name() == event_names.related_name(declaration)  # type: ignore[union-attr]
            and not hasattr(other, "pgh_declaration")
        ):
            yield checks.Error(
                f"{declaration.label}.{field.get_accessor_name()} is the accessor of both its"  # type: ignore[union-attr]
                f" events and {other._meta.label}.",  # type: ignore[union-attr]
                hint='Give track() an obj_field=pgaudit_log.ObjForeignKey(related_name="…").',
                obj=declaration.tracked_model,
                id="pgaudit_log.E004",
            )
