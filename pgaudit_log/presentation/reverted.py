"""Reverted events: which events were taken back, or gone back to, and by which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pgaudit_log.constants import DELETE, INSERT, UPDATE
from pgaudit_log.models import Events
from pgaudit_log.reading.actors import context_of

KEYS = ("reverts_event", "reverts_txid", "reverts_context")
"""What the context of an event says that takes others back."""

MOST_OBJECTS = 20
"""Of how many objects it is looked for who took something back."""

MOST_EVENTS = 1000
"""How many events of these after a page are looked through, all together: an object may have very many."""

How = Literal["undone", "restored", "gone back to"]


@dataclass(frozen=True, kw_only=True)
class Reverter:
    """An event that took another one back."""

    event: Any
    how: How


def reverters(events: Iterable[Any], *, newer_than: int) -> list[Any]:
    """Return events of the same objects that take something back, and came soon after; one query.

    They are found by the index on objects: contexts have none. Of the first object as many events are
    looked through as of all others together.
    """
    objects = dict.fromkeys(
        (event.pgh_obj_model, event.pgh_obj_id) for event in events if event.pgh_obj_id is not None
    )
    if not objects:
        return []
    few = [*objects][:MOST_OBJECTS]
    sizes = [MOST_EVENTS]
    if len(few) > 1:
        sizes = [MOST_EVENTS // 2, *[MOST_EVENTS // 2 // (len(few) - 1)] * (len(few) - 1)]
    # Each by itself: of all together, the planner might look through whatever came after the page.
    first, *others = (
        Events.objects.filter(pgh_obj_model=label, pgh_obj_id=key, pgh_id__gt=newer_than)
        .order_by("pgh_id")
        .values("pgh_id")[:size]
        for (label, key), size in zip(few, sizes, strict=True)
    )
    near = first.union(*others, all=True) if others else first
    found = Events.objects.filter(pgh_id__in=near, pgh_context__has_any_keys=list(KEYS))
    return list(found.order_by("pgh_id"))


def reverted(events: Iterable[Any], later: Sequence[Any]) -> dict[int, Reverter]:
    """Return by which of ``later`` events were taken back, by their ids; the last one wins."""
    by_object: dict[tuple[str, str | None], list[tuple[Any, Any]]] = {}
    for one in later:
        context = context_of(one)
        if any(key in context for key in KEYS):
            place = one.pgh_obj_model, one.pgh_obj_id
            by_object.setdefault(place, []).append((one, context))
    found: dict[int, Reverter] = {}
    if not by_object:
        return found
    listed = list(events)
    transactions = {event.pgh_id: event.pgh_txid for event in listed}
    for event in listed:
        for one, context in by_object.get((event.pgh_obj_model, event.pgh_obj_id), ()):
            how = _how(event, one, context, transactions) if one.pgh_id > event.pgh_id else None
            before = found.get(event.pgh_id)
            if how is not None and (before is None or before.event.pgh_id < one.pgh_id):
                found[event.pgh_id] = Reverter(event=one, how=how)
    return found


def _how(event: Any, one: Any, context: Any, transactions: Mapping[int, int]) -> How | None:
    """Return what a later event of the same object did with an event; ``None`` if nothing.

    ``transactions`` has those of the events that are looked at, by their ids.
    """
    said = context.get("reverts_event")
    if _is(said, event.pgh_id):
        return _by_event(event, one)
    if event.pgh_operation == DELETE and one.pgh_operation == INSERT:
        # It came back with an object that was deleted with it, which is the one that is named.
        is_number = isinstance(said, int) and not isinstance(said, bool)
        if is_number and transactions.get(said) == event.pgh_txid:
            return "restored"
    is_whole = _is(context.get("reverts_txid"), event.pgh_txid) or (
        event.pgh_context_id is not None
        and context.get("reverts_context") == str(event.pgh_context_id)
    )
    if not is_whole:
        return None
    return "restored" if event.pgh_operation == DELETE else "undone"


def _is(said: Any, number: int) -> bool:
    return isinstance(said, int) and not isinstance(said, bool) and said == number


def _by_event(event: Any, one: Any) -> How:
    """Return whether an event was taken back, or its object went back to it: both name it."""
    if event.pgh_operation == DELETE:
        return "restored"
    if event.pgh_operation == INSERT:
        return "undone" if one.pgh_operation == DELETE else "gone back to"
    if event.pgh_operation == UPDATE and one.pgh_operation == UPDATE:
        then, now = event.pgh_diff or {}, one.pgh_diff or {}
        for column, pair in now.items():
            if column in then and pair[1] == then[column][0]:
                return "undone"
    return "gone back to"
