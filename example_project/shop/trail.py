"""The trail as people read it: when, who, which object, what, old → new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps

from pgaudit_log.models import Events

ACCESS = "pgaudit_log.Access"
"""What logins are events of: no row of any table."""

NAME_COLUMNS = ("name", "username")
"""Columns that tell a person which object it is."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One event in words."""

    when: datetime
    who: str
    why: str
    what: str
    object: str
    name: str
    changes: tuple[str, ...]


def read(events: Iterable[Events]) -> list[Entry]:
    """Return the entries of some events, in their order."""
    events = list(events)
    names = _names({reference for event in events for reference in _mentioned(event)})
    return [
        Entry(
            when=event.pgh_created_at,
            who=_who(event, names),
            why=_why(event),
            what=event.pgh_label
            if event.pgh_operation == "M"
            else event.get_pgh_operation_display(),
            object=_object(event.pgh_obj_model, event.pgh_obj_id),
            name=_name(event, names),
            changes=tuple(_changes(event, names)),
        )
        for event in events
    ]


def _references(event: Events) -> dict[str, str]:
    """Return the model's columns that point at others, such as `{"customer_id": "shop.Customer"}`."""
    if event.pgh_obj_model == ACCESS:
        return {"user": "auth.User"}
    fields = apps.get_model(event.pgh_obj_model)._meta.concrete_fields
    return {f.column: f.related_model._meta.label for f in fields if f.related_model}


def _mentioned(event: Events) -> Iterator[str]:
    """Yield what an event mentions, as in `pgh_refs`: "shop.Customer:5"."""
    yield from event.pgh_refs or ()
    for column, label in _references(event).items():
        for value in (event.pgh_diff or {}).get(column, ()):
            yield f"{label}:{value}"
    yield f"auth.User:{(event.pgh_context or {}).get('user')}"


def _names(mentioned: set[str]) -> dict[str, str]:
    """Return the last known names. They come from the trail, so deleted objects have theirs too."""
    objects = [reference.split(":", 1) for reference in mentioned]
    newest = (
        Events.objects.filter(
            pgh_obj_model__in={label for label, _ in objects},
            pgh_obj_id__in={key for _, key in objects},
        )
        .order_by("pgh_obj_model", "pgh_obj_id", "-pgh_id")
        .distinct("pgh_obj_model", "pgh_obj_id")
    )
    return {
        f"{event.pgh_obj_model}:{event.pgh_obj_id}": _own_name(event)
        or _object(event.pgh_obj_model, event.pgh_obj_id)
        for event in newest
    }


def _own_name(event: Events) -> str:
    snapshot = event.pgh_data or {}
    return next((snapshot[column] for column in NAME_COLUMNS if column in snapshot), "")


def _object(label: str, key: str | None) -> str:
    if label == ACCESS:
        return "site"
    model = apps.get_model(label)
    return f"{model._meta.verbose_name} {key or ''}".rstrip()


def _name(event: Events, names: dict[str, str]) -> str:
    """Return an object's name; if it has none, the names of what it belongs to."""
    return _own_name(event) or ", ".join(names.get(ref, ref) for ref in event.pgh_refs or ())


def _who(event: Events, names: dict[str, str]) -> str:
    context = event.pgh_context or (event.pgh_data if event.pgh_obj_model == ACCESS else None) or {}
    if "user" in context:
        return names.get(f"auth.User:{context['user']}", f"user {context['user']}")
    if "command" in context:
        return f"command {context['command']}"
    return f"role {event.pgh_role}"


def _why(event: Events) -> str:
    context = event.pgh_context or {}
    return str(
        context.get("reason") or f"{context.get('method', '')} {context.get('url', '')}"
    ).strip()


def _changes(event: Events, names: dict[str, str]) -> Iterator[str]:
    """Yield "quantity: 1 → 2" for each change of an update, else the values of the snapshot."""
    references = _references(event)
    if event.pgh_diff is not None:
        for column, values in event.pgh_diff.items():
            label = references.get(column)
            old, new = (names.get(f"{label}:{value}", _text(value)) for value in values)
            yield f"{column.removesuffix('_id')}: {old} → {new}"
        return
    # The key, the name and the references of the row say which object it is.
    known = {"id", "user_name", *NAME_COLUMNS, *references}
    for column, value in (event.pgh_data or {}).items():
        if column not in known and value not in (None, ""):
            yield f"{column}: {_text(value)}"


def _text(value: Any) -> str:
    return "nothing" if value in (None, "") else str(value)
