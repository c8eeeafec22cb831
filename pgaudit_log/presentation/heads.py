"""Heads: who made an event and why, in words, as far as a person may know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from pgaudit_log.diffs.display import safe
from pgaudit_log.presentation.access import Access
from pgaudit_log.reading import actors
from pgaudit_log.reading.actors import Actor, Person

_MOST_CHARACTERS = 80


@dataclass(frozen=True, kw_only=True)
class Head:
    """Who made an event and why, as far as the person may know."""

    actor: Actor
    who: str
    on_behalf_of: str
    reason: str
    request: str


def head_of(event: Any, names: actors.Names, access: Access) -> Head:
    """Return who made an event and why; ``names`` has those whom it does not name itself."""
    context = actors.context_of(event)
    actor = actors.actor_of(event, names)
    return Head(
        actor=actor,
        who=who(actor, may_view_context=access.may_view_context),
        on_behalf_of=_name(actor.on_behalf_of) if actor.on_behalf_of is not None else "",
        reason=said(context.get("reason")),
        request=_request(context, actor) if access.may_view_context else "",
    )


def who(actor: Actor, *, may_view_context: bool) -> str:
    """Return who it was: a user, else a program, else the role that had logged in."""
    if actor.person is not None:
        return _name(actor.person)
    if actor.program is not None:
        return safe(actor.program)[:_MOST_CHARACTERS]
    if actor.role is not None and may_view_context:
        return _("role %(role)s") % {"role": safe(actor.role)}
    return _("no user")


def observed(event: Any) -> str:
    """Return what PostgreSQL observed, where no context tells who wrote; of an import, from where."""
    if isinstance(event.pgh_origin, dict):
        return _("imported from %(peer)s") % {"peer": said(event.pgh_origin.get("peer"))}
    session = event.pgh_session if isinstance(event.pgh_session, dict) else {}
    parts = [said(session.get("application"))]
    if address := said(session.get("address")):
        parts.append(_("from %(address)s") % {"address": address})
    if event.pgh_context is None:
        parts.append(_("no context"))
    return " ".join(part for part in parts if part)


def said(value: Any) -> str:
    """Return what a context says under a key, as far as it is a text; it may be anything."""
    return safe(value)[:300] if isinstance(value, str | int) else ""


def _name(person: Person) -> str:
    return safe(person.name or _("user %(key)s") % {"key": person.key})[:_MOST_CHARACTERS]


def _request(context: Any, actor: Actor) -> str:
    """Return what was asked for, such as ``POST /orders/17/ship/``."""
    parts = (said(context.get(key)) for key in ("method", "url", "command", "task"))
    found = " ".join(part for part in parts if part)
    # Who it was says that already.
    return "" if found == actor.program else found
