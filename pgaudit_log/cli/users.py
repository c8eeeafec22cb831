"""People: who made an event, by name where the project knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pgaudit_log.cli import terminal_text
from pgaudit_log.constants import ACCESS
from pgaudit_log.models import Events
from pgaudit_log.reading import user_lookup
from pgaudit_log.values.keys import parse_key

Names = Mapping[str, str]
"""The names of users by their key as text."""


def names(events: Iterable[Events]) -> Names:
    """Return the names of those whom the events do not name themselves, with one query."""
    model = user_lookup.user_model()
    if model is None:
        return {}
    wanted = {
        str(user)
        for event in events
        for key in ("user", "on_behalf_of")
        if (user := _user(event, key)) is not None and not _name(event, key)
    }
    keys = {text: parse_key(model, text) for text in wanted}
    known = [key for key in keys.values() if key is not None]
    found = model._base_manager.in_bulk(known) if known else {}
    return {
        text: str(getattr(found[key], "get_username", found[key].__str__)())
        for text, key in keys.items()
        if key in found
    }


def who(event: Events, names: Names) -> str:
    """Return who made an event: the user, else the service, command or task, else the role.

    Users are called as they were at the time, where the event says how.
    """
    if _user(event, "user") is not None:
        person = _called(event, "user", names)
        if _user(event, "on_behalf_of") is not None:
            return f"{person} for {_called(event, 'on_behalf_of', names)}"
        return person
    context = _context(event)
    for key in ("service", "token", "command", "task"):
        if isinstance(found := context.get(key), str) and found:
            return terminal_text.safe(found)
    # Marked, because a user may be called like it.
    return terminal_text.safe(f"role {event.pgh_role}") if event.pgh_role else terminal_text.NOTHING


def _called(event: Events, key: str, names: Names) -> str:
    user = _user(event, key)
    name = _name(event, key) or names.get(str(user))
    return terminal_text.safe(f"{name} ({user})" if name and name != str(user) else user)


def _context(event: Events) -> Mapping[str, Any]:
    context = event.pgh_context if isinstance(event.pgh_context, dict) else {}
    if event.pgh_obj_model == ACCESS and "user" not in context:
        # Outside of requests, a login itself says who logged in.
        return {**(event.pgh_data or {}), **context}
    return context


def _user(event: Events, key: str) -> Any:
    user = _context(event).get(key)
    return user if isinstance(user, (str, int)) else None


def _name(event: Events, key: str) -> str | None:
    name = _context(event).get(f"{key}_name")
    return name if isinstance(name, str) and name else None
