"""Cases: targets with what there is now in their places, read once before anything is judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import models

from pgaudit_log.capture_v1.references import former_key
from pgaudit_log.constants import INSERT
from pgaudit_log.declaring import former_names
from pgaudit_log.diffs import current_rows
from pgaudit_log.diffs.current_rows import RowKey
from pgaudit_log.models import Events
from pgaudit_log.reading import object_timeline
from pgaudit_log.reversal.targets import Target
from pgaudit_log.values import tables
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.row_json import State
from pgaudit_log.values.tables import Field, column_of

Fields = Mapping[str, "Field"]
"""The fields of a model's own table by column."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A target, and what there is in its place."""

    target: Target
    """What the row should become, in today's columns and types, under the key that it has now."""
    fields: Fields
    row: State | None
    """The row as it is; ``None`` where there is none."""
    unreadable: frozenset[str] = frozenset()
    """The columns whose value is none of their type today."""
    has_other_object: bool = False
    """Whether another object has taken the place of the row since."""

    @property
    def makes_place(self) -> bool:
        """Whether the row that is there leaves its key: it is deleted, or gets another one."""
        if self.row is None:
            return False
        if self.target.state is None or self.target.expected is None:
            return self.target.state is None
        keys = {column_of(f) for f in key_fields(self.target.model)}
        return any(
            self.row[column] != value
            for column, value in self.target.state.items()
            if column in keys & self.row.keys()
        )

    @property
    def is_kept_from_coming_back(self) -> bool:
        """Whether another object has the key of a row that was to be brought back."""
        is_to_come = self.target.state is not None and self.target.expected is None
        return is_to_come and self.has_other_object


def load_cases(targets: Sequence[Target], using: str) -> list[Case]:
    """Return targets with what there is in their places; what was done last is first."""
    newest = max((target.order for target in targets), default=0)
    fields = {
        model: {column_of(f): f for f in tables.own_columns(model)}
        for model in {target.model for target in targets}
    }
    cases = [
        Case(target=target, fields=fields[target.model], row=None, unreadable=unreadable)
        for target, unreadable in _of_today(
            sorted(targets, key=lambda target: -target.order), using
        )
    ]
    cases = _with_rows(cases, using)
    other_objects = _other_objects(cases, newest, using)
    return [replace(case, has_other_object=case.target.place in other_objects) for case in cases]


def _by_model(cases: Iterable[Case]) -> dict[type[models.Model], list[Case]]:
    found: dict[type[models.Model], list[Case]] = {}
    for case in cases:
        found.setdefault(case.target.model, []).append(case)
    return found


def _of_today(targets: Sequence[Target], using: str) -> list[tuple[Target, frozenset[str]]]:
    """Return targets with today's columns and types, and which columns of their states cannot be read."""
    positions: dict[type[models.Model], list[int]] = {}
    for position, target in enumerate(targets):
        positions.setdefault(target.model, []).append(position)
    found: list[tuple[Target, frozenset[str]]] = [(target, frozenset()) for target in targets]
    for model, own in positions.items():
        states = [state for position in own for state in _states(targets[position])]
        normal = iter(current_rows.normal(model, [state or {} for state in states], using))
        for position in own:
            target = targets[position]
            (state, unreadable), (expected, _), (passed, _), (left, _), (others, _) = (
                next(normal) for _ in range(5)
            )
            found[position] = (
                replace(
                    target,
                    state=None if target.state is None else state,
                    expected=None if target.expected is None else expected,
                    passed=passed,
                    broken={column: (left[column], others[column]) for column in left},
                ),
                unreadable,
            )
    return found


def _states(target: Target) -> tuple[State | None, ...]:
    """Return all that a target has of values of its row."""
    return (
        target.state,
        target.expected,
        target.passed,
        {column: left for column, (left, _) in target.broken.items()},
        {column: found for column, (_, found) in target.broken.items()},
    )


def _rows(targets: Sequence[Target], using: str) -> dict[RowKey, State]:
    whole = {t.place: t.whole_key for t in targets if t.whole_key is not None}
    return current_rows.read([t.place for t in targets], using, whole=whole)


def _with_rows(cases: Sequence[Case], using: str) -> list[Case]:
    """Return cases with the rows that are at their keys, also where those were changed later."""
    rows = _rows([case.target for case in cases], using)
    missing = [
        case for case in cases if case.target.place not in rows and case.target.expected is not None
    ]
    moved: dict[tuple[RowKey, int], str] = {}
    for model, own in _by_model(missing).items():
        places = [(case.target.key, case.target.order) for case in own]
        for (key, order), key_now in object_timeline.current_keys(model, places, using).items():
            moved[(model, key), order] = key_now
    followed = {
        place: replace(case.target, key=moved[place], whole_key=None)
        for case in missing
        if (place := (case.target.place, case.target.order)) in moved
    }
    rows |= _rows(list(followed.values()), using)
    found = []
    for case in cases:
        target = followed.get((case.target.place, case.target.order), case.target)
        found.append(replace(case, target=target, row=rows.get(target.place)))
    return found


def _other_objects(cases: Sequence[Case], newest: int, using: str) -> set[RowKey]:
    """Return the rows that another object has taken the place of since.

    An object that was brought back by a plan is the same.

    Args:
        cases: the cases.
        newest: the id of the last event that is taken back, which says nothing itself.
        using: the database.
    """
    found = set()
    # A revert expects nothing: it is asked for that object, whoever that is.
    there = [case for case in cases if case.target.expected != {} and case.row is not None]
    for model, own in _by_model(there).items():
        keys_now = {case.target.key for case in own}
        labels = former_names.labels_of(model, using)
        former = {former_key(label, key): key for label in labels for key in keys_now}
        events = Events.objects.using(using).filter(
            models.Q(pgh_obj_id__in=keys_now, pgh_operation=INSERT)
            | models.Q(pgh_refs__overlap=list(former)),
            pgh_obj_model__in=labels,
            pgh_id__gt=newest,
        )
        for event in events.only(
            "pgh_id", "pgh_obj_id", "pgh_operation", "pgh_refs", "pgh_context"
        ):
            if any(name.startswith("reverts_") for name in event.pgh_context or ()):
                continue
            keys = [former[ref] for ref in event.pgh_refs or () if ref in former]
            if event.pgh_operation == INSERT and event.pgh_obj_id is not None:
                keys.append(event.pgh_obj_id)
            found |= {(model, key) for key in keys if key in keys_now}
    return found
