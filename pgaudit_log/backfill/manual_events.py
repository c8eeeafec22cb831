"""Manual events: ``create_event()`` writes what no trigger could see."""

from __future__ import annotations

from typing import Any

from django.db import connections, models, router, transaction

from pgaudit_log.backfill.event_sql import manual_event_sql
from pgaudit_log.conf import settings
from pgaudit_log.declaring import declarations, former_names
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.reading import event_classes
from pgaudit_log.reading.event_model import Event
from pgaudit_log.values.tables import concrete


def create_event(obj: models.Model, *, label: str, using: str | None = None) -> Event:
    """Write an event of ``obj`` with the values that the instance has now, and return it.

    The running context is recorded with it, as with captured events.

    Args:
        obj: an instance of a tracked model.
        label: the label of one of its trackers, such as that of a ``ManualEvent``.
        using: the database; by default the one that the routers give for writing.

    Raises:
        DeclarationError: when the model has no tracker with this label.
    """
    declaration = declarations.find(type(obj), label)
    if declaration is None:
        known = sorted(
            name for d in declarations.declarations_of(type(obj)) for name in d.tracker_labels
        )
        raise DeclarationError(
            f'"{label}" is not a registered tracker label for model {obj._meta.object_name}.'
            + (
                f" Its labels are {', '.join(known)}."
                if known
                else " The model is not tracked; decorate it with pgaudit_log.track()."
            )
        )
    if not obj._is_pk_set():  # type: ignore[attr-defined]
        raise DeclarationError(
            f"An event of an unsaved {obj._meta.object_name} would be an event of no object."
            " Save it first."
        )
    alias = using or router.db_for_write(type(obj), instance=obj)
    connection = connections[alias]
    model = concrete(declaration.tracked_model)
    columns = [f for f in model._meta.local_fields if f.column is not None]
    written = [f for f in columns if not isinstance(f, models.GeneratedField)]
    sql = manual_event_sql(
        model=model,
        label=label,
        values=[
            (field, field.get_db_prep_save(getattr(obj, field.attname), connection))
            for field in written
        ],
        tracked=[f for f in declaration.columns if f in written],
        is_by_clock=settings.is_by_clock,
        masked_context=declaration.mask_context,
        called=lambda name: former_names.called(name, str(alias)),
        connection=connection,
    )
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        cursor.execute(sql.text, sql.params)
        event_model: Any = event_classes.event_model_of(declaration)
        event: Event = event_model.objects.using(alias).get(pgh_id=cursor.fetchone()[0])
    return event
