"""Plan rows: the objects that a plan is about, their names, and whether the person may write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.apps import apps
from django.db import models

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.presentation.access import Action
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.object_texts import as_seen, plain_text, text_of
from pgaudit_log.reading.objects import loaded, unloaded
from pgaudit_log.reversal import Change, Plan, Step
from pgaudit_log.reversal.steps import key_after
from pgaudit_log.values.keys import key_fields, key_text, parse_key
from pgaudit_log.values.row_json import Absence
from pgaudit_log.values.tables import concrete, own_columns, parents_of

Place = tuple[str, str]
"""A row as plans name it: the label of its model, and its key."""

ACTIONS: Mapping[str, Action] = {"insert": "add", "update": "change", "delete": "delete"}
"""The permission that a step needs."""


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """A row that a plan is about."""

    model: type[models.Model]
    key: str
    step: Step | None
    """What would happen to it; ``None`` where it only stands in the way, or is left alone."""
    obj: models.Model | None
    """The object as it is; ``None`` where there is none."""
    is_forbidden: bool = False
    """Whether the person may not do that."""
    is_seen: bool = True
    """Whether the person may see it: it may only stand in the way, and be anybody's."""

    @property
    def place(self) -> str:
        """The row as ``leave_out`` takes it."""
        return f"{self.model._meta.label} {self.key}"


def steps_of(plan: Plan) -> list[Step]:
    """Return the steps of a plan, one for each row: where one is moved aside first, from now to the end."""
    found: dict[Place, Step] = {}
    moved: dict[Place, Place] = {}
    for step in plan.steps:
        place = step.label, step.key
        if step.is_second and place in moved:
            first = found[moved[place]]
            found[moved[place]] = replace(first, changes=_joined(first, step))
            continue
        found.setdefault(place, step)
        moved[step.label, key_after(step)] = place
    return [*found.values()]


def _joined(first: Step, second: Step) -> tuple[Change, ...]:
    before = {change.field: change for change in first.changes}
    after = {change.field: change for change in second.changes}
    changes = {**before, **after}
    return tuple(
        replace(change, now=before[name].now, now_text=before[name].now_text)
        if name in before
        else change
        for name, change in changes.items()
    )


class PlanRows:
    """The rows of plans for one thing; asks the database twice for each model at most."""

    def __init__(self, plans: Sequence[Plan], access: AdminAccess, *, by_field: bool) -> None:
        self._access = access
        self._using = plans[0].using
        self._by_field = by_field
        steps: dict[Place, list[Step]] = {}
        for plan in plans:
            for step in steps_of(plan):
                steps.setdefault((step.label, step.key), []).append(step)
            for obstacle in (*plan.obstacles, *plan.left_alone):
                steps.setdefault((obstacle.model, obstacle.key), [])
        self._steps = steps
        self._objects: dict[Place, models.Model] = {}
        self._unseen: set[Place] = set()
        self._load()
        self.by_place: dict[Place, PlanRow] = {
            place: PlanRow(
                model=apps.get_model(place[0]),
                key=place[1],
                step=own[0] if own else None,
                obj=self._objects.get(place),
                is_forbidden=not all(self._may(place, step) for step in own),
                is_seen=self._may_see(place),
            )
            for place, own in steps.items()
        }

    def __iter__(self) -> Iterator[PlanRow]:
        return iter(self.by_place.values())

    def forbidden_in(self, plan: Plan) -> frozenset[str]:
        """Return the rows that a plan writes and the person may not, as ``leave_out`` takes them."""
        written = {(step.label, step.key) for step in steps_of(plan)}
        return frozenset(
            row.place
            for place, row in self.by_place.items()
            if row.is_forbidden and place in written
        )

    def _load(self) -> None:
        wanted: dict[type[models.Model], dict[Any, Place]] = {}
        for place, own in self._steps.items():
            model = apps.get_model(place[0])
            key = parse_key(model, own[0].sought_key if own else place[1])
            if key is not None and not (own and all(step.action == "insert" for step in own)):
                wanted.setdefault(model, {})[key] = place
        for model, keys in wanted.items():
            # Not the model's own manager, which may hide rows.
            every: models.QuerySet[Any, Any] = models.QuerySet(model, using=self._using)
            for obj in loaded(every.filter(pk__in=list(keys))):
                label, key = model._meta.label, key_text(obj.pk, key_fields(model))
                self._objects[label, key] = obj
            registered: Any = self._access.site._registry.get(concrete(model))
            if registered is not None:
                shown = registered.get_queryset(self._access.request).using(self._using)
                seen = set(shown.filter(pk__in=list(keys)).values_list("pk", flat=True))
                self._unseen |= {place for key, place in keys.items() if key not in seen}

    def _may_see(self, place: Place) -> bool:
        """Return whether the person may see a row: its model, and the object as its admin shows it."""
        model, obj = apps.get_model(place[0]), self._objects.get(place)
        return (
            place not in self._unseen
            and self._access.may_view(model)
            and (obj is None or self._access.may_view_object(model, obj))
        )

    def _may(self, place: Place, step: Step) -> bool:
        """Return whether the person may do what a step does; of an inherited row, to what has it."""
        model, obj = step.model, self._objects.get(place)
        for label, key in self._steps:
            heir = apps.get_model(label)
            if key == step.key and model in parents_of(heir):
                model, obj = heir, self._objects.get((label, key))
        is_there = step.action != "insert"
        if is_there and not self._may_see(place):
            return False
        if is_there and obj is None and concrete(model) in self._access.site._registry:
            return False
        if not self._access.may_view(step.model):
            return False
        if not self._access.may_write(ACTIONS[step.action], model, obj):
            return False
        # Where fields cannot be chosen, a change of one that is not to be seen cannot be left out.
        hidden = self._access.hidden_fields(step.model)
        touched = {change.field for change in step.changes}
        return self._by_field or step.action != "update" or touched.isdisjoint(hidden)

    def text(self, row: PlanRow, entries: Entries) -> str:
        """Return what a row's object is called, as it is or as it would come back."""
        access = self._access
        if not row.is_seen:
            return ""
        if row.model.__str__ is models.Model.__str__:
            return plain_text(row.model, row.key)
        if row.obj is not None:
            _with_related(row.obj, entries)
            return text_of(as_seen(row.obj, access.may_view, access.hidden_fields), row.key)
        pk = parse_key(row.model, row.key)
        if row.step is None or pk is None:
            return plain_text(row.model, row.key)
        return text_of(_coming_back(row.step, pk, entries), row.key)


def _with_related(obj: models.Model, entries: Entries) -> None:
    """Let the ``__str__`` of an object have what it points at, as far as the page has loaded that."""
    for field in own_columns(type(obj)):
        other = entries.labels.object_of(field, obj.__dict__.get(field.attname))
        if other is not None:
            obj._state.fields_cache.setdefault(field.name, other)


def _coming_back(step: Step, pk: Any, entries: Entries) -> models.Model:
    """Return an instance with the values that a row would get, made without the model's own code."""
    obj = unloaded(step.model, pk)
    obj._state.db = entries.using
    hidden = entries.access.hidden_fields(step.model)
    fields = {field.name: field for field in own_columns(step.model)}
    for change in step.changes:
        field = fields.get(change.field)
        if field is None or field.name in hidden or isinstance(change.proposed, Absence):
            continue
        obj.__dict__.setdefault(field.attname, change.proposed)
        if (other := entries.labels.object_of(field, change.proposed)) is not None:
            obj._state.fields_cache[field.name] = other
    return obj


def want_labels(steps: Iterable[Step], entries: Entries) -> None:
    """Say which objects are pointed at by what steps change."""
    for step in steps:
        fields = {field.name: field for field in own_columns(step.model)}
        for change in step.changes:
            for value in (change.now, change.proposed):
                entries.labels.want(fields.get(change.field), value)
