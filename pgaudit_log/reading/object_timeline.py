"""The timeline of an object: the one walk of its life, back to its start and on to its key of today.

An object is followed through changes of its key; what another one did under the same key
before it was inserted, or before its table was truncated, is none of its life.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Q

from pgaudit_log.capture_v1.references import former_key, moved_marker
from pgaudit_log.constants import DELETE, INSERT, TRUNCATE, UPDATE
from pgaudit_log.declaring import former_names
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reading.expressions import any_of
from pgaudit_log.reading.filters import refuse_untracked
from pgaudit_log.reading.trail_model import all_events
from pgaudit_log.values import causal_order
from pgaudit_log.values.tables import concrete

Place = tuple[str, int]
"""A key, and the event after which the row that had it is looked for."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of a row's life in which it had one key."""

    labels: Sequence[str]
    """What events call its table."""
    key: str
    first: int | None
    """The id of its first event; ``None`` where nothing says how it began."""
    before: int | None
    """The id of the first event that is later; ``None`` of the present key."""

    def has(self, id: int) -> bool:
        """Return whether an event with the key, of this id, is of it."""
        return (self.first is None or id >= self.first) and (
            self.before is None or id < self.before
        )

    def condition(self, key_column: str) -> Q:
        """Return the condition that an event, whose key is in ``key_column``, is of it."""
        found = Q(pgh_obj_model__in=self.labels, **{key_column: self.key})
        if self.first is not None:
            found &= Q(pgh_id__gte=self.first)
        if self.before is not None:
            found &= Q(pgh_id__lt=self.before)
        return found


def model_of(obj: Any) -> type[models.Model]:
    """Return the model of an object whose timeline is asked for.

    Raises:
        QueryError: for what has none.
    """
    if not isinstance(obj, models.Model) or obj.pk is None:
        raise QueryError(f"timeline() was given {obj!r}. Give an object that was saved.")
    model = concrete(type(obj))
    refuse_untracked(model, "timeline")
    return model


def of(model: type[models.Model], key: str, using: str) -> models.QuerySet[Any, Any]:
    """Return the events of the row of ``model`` that has the key now, or had it last."""
    return all_events(using).filter(conditions(model, key, using, "pgh_obj_id"))


def conditions(model: type[models.Model], key: str, using: str, key_column: str) -> Q:
    """Return the condition that an event is of the present life of the row with the key.

    ``key_column`` is what the events that are asked call the key: ``pgh_obj_id`` in the trail,
    ``pgh_obj_key`` in typed events.
    """
    return any_of(stretch.condition(key_column) for stretch in life(model, key, using))


def life(model: type[models.Model], key: str, using: str) -> list[Stretch]:
    """Return the stretches of the present life of the row with the key, the newest first."""
    labels = former_names.labels_of(model, using)
    events = all_events(using).filter(pgh_obj_model__in=labels)
    moved = [moved_marker(label) for label in labels]
    found: list[Stretch] = []
    before: int | None = None
    while True:
        up_to_here = Stretch(labels=labels, key=key, first=None, before=before)
        own = events.filter(up_to_here.condition("pgh_obj_id"))
        start = (
            own.filter(Q(pgh_operation=INSERT) | Q(pgh_operation=UPDATE, pgh_refs__overlap=moved))
            .order_by("-pgh_id")
            .first()
        )
        first, former = None, None
        if (emptied := _last_truncation(events, own, start)) is not None:
            first = emptied.pgh_id + 1
        elif start is not None and start.pgh_operation == INSERT:
            first = _first_of_change(events, start, _leaves(labels, [key]))
        elif start is not None:
            prefix = former_key(start.pgh_obj_model, "")
            former = next(r.removeprefix(prefix) for r in start.pgh_refs if r.startswith(prefix))
            first = _first_of_change(events, start, Q(pgh_obj_id=former))
        found.append(Stretch(labels=labels, key=key, first=first, before=before))
        if former is None:
            return found
        key, before = former, first


def _leaves(labels: Iterable[str], keys: Collection[str]) -> Q:
    """Return the condition that an event took one of ``keys`` away from its row."""
    former = [former_key(label, key) for label in labels for key in keys]
    return Q(pgh_obj_id__in=keys, pgh_operation=DELETE) | Q(pgh_refs__overlap=former)


def _last_truncation(
    events: models.QuerySet[Any, Any], own: models.QuerySet[Any, Any], start: Any
) -> Any:
    """Return the event that emptied the table last between ``start`` and the newest of ``own``."""
    truncations = events.filter(pgh_obj_id=None, pgh_operation=TRUNCATE).order_by("-pgh_id")
    if start is not None:
        truncations = truncations.exclude(
            causal_order.up_to(start.pgh_id, start.pgh_txid, start.pgh_turn)
        )
    return truncations.filter(
        pgh_id__lt=models.Subquery(own.order_by("-pgh_id").values("pgh_id")[:1])
    ).first()


def _first_of_change(events: models.QuerySet[Any, Any], start: Any, earlier: Q) -> int:
    """Return the first event with the key of ``start`` that its transaction wrote behind ``earlier``.

    Several trackers write an event each, and a trigger that writes the row again one before.
    """
    same = events.filter(pgh_txid=start.pgh_txid, pgh_id__lte=start.pgh_id)
    before = same.exclude(pgh_id=start.pgh_id)
    last = before.filter(earlier).aggregate(last=models.Max("pgh_id"))["last"]
    own = same.filter(pgh_obj_id=start.pgh_obj_id)
    if last is not None:
        own = own.filter(pgh_id__gt=last)
    found: int = own.aggregate(first=models.Min("pgh_id"))["first"]
    return found


def current_key(model: type[models.Model], place: Place, using: str) -> str | None:
    """Return the key that a row has got since; see :func:`current_keys`."""
    return current_keys(model, [place], using).get(place)


def current_keys(
    model: type[models.Model], places: Collection[Place], using: str
) -> dict[Place, str]:
    """Return the keys that rows have got since, by where they were; one query for each change of a key.

    Rows of which nothing says that their key was changed are left out, and those that were
    deleted then.
    """
    labels = former_names.labels_of(model, using)
    events = all_events(using).filter(pgh_obj_model__in=labels)
    found: dict[Place, str] = {}
    sought: dict[Place, Place] = {place: place for place in places}
    while sought:
        keys = {key for key, _ in sought.values()}
        former = {former_key(label, key): key for label in labels for key in keys}
        ends: dict[str, list[Any]] = {}
        for end in (
            events.filter(
                _leaves(labels, keys),
                pgh_id__gt=min(after for _, after in sought.values()),
            )
            .order_by("pgh_id")
            .only("pgh_id", "pgh_obj_id", "pgh_operation", "pgh_refs")
        ):
            left = {former[name] for name in end.pgh_refs or () if name in former}
            if end.pgh_operation == DELETE:
                left.add(end.pgh_obj_id)
            for key in left & keys:
                ends.setdefault(key, []).append(end)
        moved: dict[Place, Place] = {}
        for place, (key, after) in sought.items():
            end = next((end for end in ends.get(key, ()) if end.pgh_id > after), None)
            if end is None:
                continue
            if end.pgh_operation == DELETE:
                found.pop(place, None)
                continue
            found[place] = end.pgh_obj_id
            moved[place] = (end.pgh_obj_id, end.pgh_id)
        sought = moved
    return found
