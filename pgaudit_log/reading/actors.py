"""Actors: who made an event, by name where the project knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pgaudit_log.constants import ACCESS
from pgaudit_log.reading import user_lookup
from pgaudit_log.values.keys import parse_key

Names = Mapping[str, str]
"""The names of users by their key as text."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A user, as an event names them."""

    key: str
    name: str | None
    """The name at the time where the event says it, else today's; ``None`` if nobody knows one."""

    def __str__(self) -> str:
        return f"{self.name} ({self.key})" if self.name and self.name != self.key else self.key


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who made an event: a user, else a service, token, command or task, else the role."""

    person: Person | None = None
    on_behalf_of: Person | None = None
    """Whom the person acted as, if they did."""
    program: str | None = None
    """The service, token, command or task, where there is no person."""
    role: str | None = None
    """The role, where nothing else is known."""


def names(events: Iterable[Any]) -> Names:
    """Return the names of those whom the events do not name themselves, with one query at most."""
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


def actor_of(event: Any, names: Names) -> Actor:
    """Return who made an event; users are called as they were at the time, where it says how."""
    if _user(event, "user") is not None:
        other = None
        if _user(event, "on_behalf_of") is not None:
            other = _person(event, "on_behalf_of", names)
        return Actor(person=_person(event, "user", names), on_behalf_of=other)
    context = context_of(event)
    for key in ("service", "token", "command", "task"):
        if isinstance(found := context.get(key), str) and found:
            return Actor(program=found)
    return Actor(role=event.pgh_role or None)


def context_of(event: Any) -> Mapping[str, Any]:
    """Return the context of an event, empty where it has none, or none that is an object."""
    return event.pgh_context if isinstance(event.pgh_context, dict) else {}


def _person(event: Any, key: str, names: Names) -> Person:
    user = str(_user(event, key))
    return Person(key=user, name=_name(event, key) or names.get(user))


def _claims(event: Any) -> Mapping[str, Any]:
    context = context_of(event)
    if event.pgh_obj_model == ACCESS and "user" not in context:
        # Outside of requests, a login itself says who logged in.
        data = event.pgh_data if isinstance(event.pgh_data, dict) else {}
        return {**data, **context}
    return context


def _user(event: Any, key: str) -> Any:
    user = _claims(event).get(key)
    return user if isinstance(user, (str, int)) else None


def _name(event: Any, key: str) -> str | None:
    name = _claims(event).get(f"{key}_name")
    return name if isinstance(name, str) and name else None
