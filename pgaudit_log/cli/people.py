"""People: who made an event, by name where the project knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pgaudit_log.cli import arguments, texts
from pgaudit_log.models import Events
from pgaudit_log.objects import parsed_key

Names = Mapping[str, str]
"""The names of users by their key as text."""


def names(events: Iterable[Events]) -> Names:
    """Return the names of those who made the events, with one query."""
    model = arguments.user_model()
    if model is None:
        return {}
    wanted = {str(user) for event in events if (user := _user(event)) is not None}
    keys = {text: parsed_key(model, text) for text in wanted}
    known = [key for key in keys.values() if key is not None]
    found = model._base_manager.in_bulk(known) if known else {}
    return {
        text: str(getattr(found[key], "get_username", found[key].__str__)())
        for text, key in keys.items()
        if key in found
    }


def who(event: Events, names: Names) -> str:
    """Return who made an event: the user, else the command or task, else the database's role."""
    user = _user(event)
    if user is not None:
        name = names.get(str(user))
        return texts.safe(f"{name} ({user})" if name else user)
    context = event.pgh_context if isinstance(event.pgh_context, dict) else {}
    for found in (context.get("command"), context.get("task"), event.pgh_role):
        if isinstance(found, str) and found:
            return texts.safe(found)
    return texts.NOTHING


def _user(event: Events) -> Any:
    context = event.pgh_context
    user = context.get("user") if isinstance(context, dict) else None
    return user if isinstance(user, (str, int)) else None
