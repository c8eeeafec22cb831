"""People: who made an event, as a line of the terminal says it."""

from __future__ import annotations

from pgaudit_log.cli import terminal_text
from pgaudit_log.models import Events
from pgaudit_log.reading.actors import Names, actor_of, names

__all__ = ["Names", "names", "who"]


def who(event: Events, names: Names) -> str:
    """Return who made an event: the user, else the service, command or task, else the role.

    Users are called as they were at the time, where the event says how.
    """
    actor = actor_of(event, names)
    if actor.person is not None:
        person = terminal_text.safe(actor.person)
        if actor.on_behalf_of is not None:
            return f"{person} for {terminal_text.safe(actor.on_behalf_of)}"
        return person
    if actor.program is not None:
        return terminal_text.safe(actor.program)
    # Marked, because a user may be called like it.
    return terminal_text.safe(f"role {actor.role}") if actor.role else terminal_text.NOTHING
