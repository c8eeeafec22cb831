"""Model save: writes a step of a plan with the model's own methods, after ``full_clean()``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import models
from django.db.models.deletion import Collector

from pgaudit_log.diffs import current_rows
from pgaudit_log.exceptions import PlanError
from pgaudit_log.reversal.steps import Step, key_after, whole_keys
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.row_json import JSON_NULL, Absence
from pgaudit_log.values.tables import column_of


def save(step: Step, using: str) -> None:
    """Write a step with ``save()`` or ``delete()``.

    A row that is inherited by another is written without that one, which has a step of its own.

    Raises:
        ValidationError: by ``full_clean()``.
        PlanError: for a change of a primary key, which ``save()`` takes for a new object.
    """
    is_new = step.action == "insert"
    instance = _made(step, using) if is_new else _loaded(step, using)
    if step.action == "delete":
        # Its foreign keys may have taken it along already.
        if instance is not None:
            _refuse_company(step, instance, using)
            instance.delete(using=using, keep_parents=True)
            _refuse_undone(step, using)
        return
    if instance is None:
        raise PlanError(f"Cannot {step}: it is not there any more. Nothing was changed.")
    if not is_new:
        _give_values(instance, step)
    json_null = _clean(instance, step)
    for name in json_null:
        # As None it would be SQL's NULL.
        null = models.Value(None, models.JSONField())
        setattr(instance, step.model._meta.get_field(name).attname, null)
    try:
        if step.model._meta.parents:
            instance.save_base(raw=True, using=using, force_insert=is_new)
        elif is_new:
            instance.save(using=using, force_insert=True)
        else:
            instance.save(using=using, update_fields=_written(step))
    except TypeError as error:
        if not is_new:
            raise
        # Django expects a row back from each insert.
        raise PlanError(
            f"Cannot {step}: {error}. Nothing was changed. A trigger may keep it from being"
            " written."
        ) from error
    _refuse_undone(step, using)


def _refuse_company(step: Step, instance: models.Model, using: str) -> None:
    """Raise if ``delete()`` would delete or change other rows; those of the plan are gone already."""
    collector: Any = Collector(using=using, origin=instance)
    collector.collect([instance], keep_parents=True)
    others = [obj for found in collector.data.values() for obj in found if obj is not instance]
    others += [obj for queryset in collector.fast_deletes for obj in queryset[:1]]
    others += [
        obj
        for querysets in collector.field_updates.values()
        for queryset in querysets
        for obj in queryset[:1]
    ]
    if others:
        raise PlanError(
            f"Cannot {step}: delete() would take {others[0]._meta.label} {others[0].pk} along, or"
            ' change it, which the plan does not. Nothing was changed. Apply it with through="sql".'
        )


def _refuse_undone(step: Step, using: str) -> None:
    """Raise if a trigger or a method kept the row from being written."""
    key = key_after(step)
    place = step.model, key
    is_there = place in current_rows.read([place], using, whole=whole_keys([step]))
    if is_there == (step.action == "delete"):
        raise PlanError(
            f"Cannot {step}: it was not written. Nothing was changed. A trigger, or the model's own"
            " save() or delete(), may keep it from being written."
        )


def _loaded(step: Step, using: str) -> Any:
    # Not the model's own manager, which may hide rows.
    manager: models.QuerySet[Any, Any] = models.QuerySet(step.model, using=using)
    return manager.filter(**_key_of(step, using)).first()


def _made(step: Step, using: str) -> Any:
    """Return a new object with the values of a step."""
    instance = step.model(**dict(_values(step)))
    # The validation of relations asks for it.
    instance._state.db = using
    return instance


def _give_values(instance: models.Model, step: Step) -> None:
    keys = {f.name for f in key_fields(step.model)}
    for change in step.changes:
        if change.field in keys:
            raise PlanError(
                f"Cannot {step}: save() cannot change the primary key. Nothing was changed."
                ' Apply the plan with through="sql".'
            )
    for name, value in _values(step):
        try:
            setattr(instance, name, value)
        except (AttributeError, OSError) as error:
            # A protected state machine, or an image whose file is gone.
            raise PlanError(
                f"Cannot {step}: {name} cannot be set: {error}. Nothing was changed. Apply the plan"
                ' with through="sql".'
            ) from error


def _clean(instance: models.Model, step: Step) -> list[str]:
    """Have an instance pass ``full_clean()``; return the fields that get JSON's ``null``."""
    json_null = [c.field for c in step.changes if c.proposed is JSON_NULL]
    with _unjudged(instance, _as_it_was(step)):
        if step.model._meta.parents:
            inherited = _inherited(step.model)
            instance.full_clean(exclude=[*inherited, *json_null], validate_unique=False)
        elif step.action == "insert":
            instance.full_clean(exclude=json_null)
        else:
            # What the plan leaves alone was valid enough to be there.
            changed = {change.field for change in step.changes}
            untouched = [f.name for f in step.model._meta.fields if f.name not in changed]
            instance.full_clean(exclude=[*untouched, *json_null])
    return json_null


def _values(step: Step) -> Iterator[tuple[str, Any]]:
    """Yield the values that an instance gets, by attribute."""
    for change in step.changes:
        own = step.model._meta.get_field(change.field)
        if isinstance(change.proposed, Absence) or isinstance(own, models.GeneratedField):
            continue
        yield own.attname, change.proposed


def _as_it_was(step: Step) -> set[str]:
    """Return the fields that are not judged: what the row had may be refused by now.

    Of a row that comes back those are all but the ones that the caller gives; of a change what
    is empty, though a form would want a value.
    """
    if step.action == "insert":
        return {change.field for change in step.changes} - set(step.given)
    return {
        change.field
        for change in step.changes
        if change.proposed in step.model._meta.get_field(change.field).empty_values
    }


@contextmanager
def _unjudged(instance: Any, names: set[str]) -> Iterator[None]:
    """Let ``full_clean()`` judge these fields by what is unique and by constraints only."""
    clean_fields = instance.clean_fields

    def clean_others(exclude: Iterable[str] | None = None) -> None:
        clean_fields(exclude={*(exclude or ()), *names})

    instance.clean_fields = clean_others
    try:
        yield
    finally:
        del instance.clean_fields


def _written(step: Step) -> list[str]:
    """Return the fields that an update writes: what changes, and what follows it, or each save."""
    changed = [change.field for change in step.changes]
    automatic = [f.name for f in step.model._meta.local_fields if getattr(f, "auto_now", False)]
    # A picture has its fields follow it when it is set.
    measures = [
        name
        for own in map(step.model._meta.get_field, changed)
        for name in (getattr(own, "width_field", None), getattr(own, "height_field", None))
        if isinstance(own, models.ImageField) and name
    ]
    return [*dict.fromkeys([*changed, *automatic, *measures])]


def _inherited(model: type[models.Model]) -> list[str]:
    return [f.name for f in model._meta.fields if f not in model._meta.local_fields]


def _key_of(step: Step, using: str) -> dict[str, Any]:
    """Return the values of the row's primary key as it is now, by attribute."""
    place = step.model, step.key
    state = current_rows.read([place], using, whole=whole_keys([step])).get(place)
    if state is None:
        return {"pk__in": []}
    values = current_rows.typed(step.model, [state], using)[0]
    return {field.attname: values[column_of(field)] for field in key_fields(step.model)}
