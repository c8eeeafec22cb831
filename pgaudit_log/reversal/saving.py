"""Saving: writes a step of a plan with the model's own methods, after ``full_clean()``."""

from __future__ import annotations

from typing import Any

from django.db import models

from pgaudit_log import live
from pgaudit_log.exceptions import PlanError
from pgaudit_log.identifiers import column_of, key_fields
from pgaudit_log.reversal.plans import Step
from pgaudit_log.states import JSON_NULL, MISSING


def save(step: Step, using: str) -> None:
    """Write a step with ``save()`` or ``delete()``.

    A row that is inherited by another is written without that one, which has a step of its own.

    Raises:
        ValidationError: by ``full_clean()``.
        PlanError: for a change of a primary key, which ``save()`` takes for a new object.
    """
    manager = step.model._base_manager.using(using)
    is_new = step.action == "insert"
    instance = step.model() if is_new else manager.filter(**_key_of(step, using)).first()
    if step.action == "delete":
        # Its foreign keys may have taken it along already.
        if instance is not None:
            instance.delete(using=using, keep_parents=True)
        return
    if instance is None:
        raise PlanError(f"Cannot {step}: it is not there any more. Nothing was changed.")
    _give_values(instance, step)
    json_null = [c.field for c in step.changes if c.proposed is JSON_NULL]
    if step.model._meta.parents:
        instance.full_clean(exclude=[*_inherited(step.model), *json_null], validate_unique=False)
    else:
        instance.full_clean(exclude=json_null)
    for name in json_null:
        # As None it would be SQL's NULL.
        null = models.Value(None, models.JSONField())
        setattr(instance, step.model._meta.get_field(name).attname, null)
    if step.model._meta.parents:
        instance.save_base(raw=True, using=using, force_insert=is_new)
    elif is_new:
        instance.save(using=using, force_insert=True)
    else:
        instance.save(using=using, update_fields=_written(step))


def _give_values(instance: models.Model, step: Step) -> None:
    keys = {f.name for f in key_fields(step.model)}
    for change in step.changes:
        if step.action == "update" and change.field in keys:
            raise PlanError(
                f"Cannot {step}: save() cannot change the primary key. Nothing was changed."
                ' Apply the plan with through="sql".'
            )
        if change.proposed is not MISSING and change.proposed is not JSON_NULL:
            own = step.model._meta.get_field(change.field)
            if not isinstance(own, models.GeneratedField):
                setattr(instance, own.attname, change.proposed)


def _written(step: Step) -> list[str]:
    """Return the fields that an update writes: what changes, and what follows each save."""
    automatic = [f.name for f in step.model._meta.local_fields if getattr(f, "auto_now", False)]
    return [*dict.fromkeys([*(change.field for change in step.changes), *automatic])]


def _inherited(model: type[Any]) -> list[str]:
    return [f.name for f in model._meta.fields if f not in model._meta.local_fields]


def _key_of(step: Step, using: str) -> dict[str, Any]:
    """Return the values of the row's primary key as it is now, by attribute."""
    state = live.read([(step.model, step.key)], using).get((step.model, step.key))
    if state is None:
        return {"pk__in": []}
    values = live.typed(step.model, [state], using)[0]
    return {field.attname: values[column_of(field)] for field in key_fields(step.model)}
