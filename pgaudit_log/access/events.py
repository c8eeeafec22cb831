"""The events of access: each is a manual event of no table, in the database of the users."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal

from django.apps import apps
from django.db import router

from pgaudit_log.conf import settings
from pgaudit_log.constants import ACCESS, APP_LABEL
from pgaudit_log.contexts import masks, request_actors
from pgaudit_log.reading import user_lookup
from pgaudit_log.values.keys import key_fields, key_text
from pgaudit_log.values.tables import concrete

logger = logging.getLogger("pgaudit_log")

Label = Literal["login", "logout", "login_failed", "page_view", "export"]

LOGINS: Final[tuple[Label, ...]] = ("login", "logout", "login_failed")
"""What ``PGAUDIT_LOG_ACCESS_EVENTS`` may name."""


@contextmanager
def attempt(label: Label) -> Iterator[None]:
    """Log what goes wrong in the block; raise it if ``PGAUDIT_LOG_ACCESS_ON_FAILURE`` says so."""
    try:
        yield
    except Exception:
        if settings.ACCESS_ON_FAILURE == "raise":
            raise
        logger.exception("The event of a %s could not be written.", label.replace("_", " "))


def write(
    label: Label, data: Mapping[str, Any], *, user: Any = None, concerned: Any = None
) -> None:
    """Do what :func:`record` does; that it fails is logged, unless the settings say otherwise."""
    with attempt(label):
        record(label, data, user=user, concerned=concerned)


def record(
    label: Label, data: Mapping[str, Any], *, user: Any = None, concerned: Any = None
) -> int:
    """Write an event of a user, or of nobody, and return its id.

    Args:
        label: what happened.
        data: more about it.
        user: whose event it is; ``None`` and an anonymous user are nobody.
        concerned: another user to whom it points.
    """
    # The middleware imports this also where a project has taken the app out before it, and there
    # are no models then.
    from pgaudit_log.database import own_events

    people = [person for person in (user, concerned) if _is_known(person)]
    return own_events.write(
        place(),
        ACCESS,
        label,
        # What the setting names is no more to be in them than in the context beside.
        masks.masked({**_who(user), **data}),
        obj_pk=_key(user) if _is_known(user) else None,
        refs=[reference(person) for person in people],
    )


def place() -> str:
    """Return the database of access events: where users are written, whose events are there too."""
    model = user_lookup.user_model() or apps.get_model(APP_LABEL, "Events")
    return str(router.db_for_write(model))


def reference(user: Any) -> str:
    """Return a user as ``refs`` has it: ``auth.User:5``."""
    return f"{concrete(user._meta.model)._meta.label}:{_key(user)}"


def _is_known(user: Any) -> bool:
    """Return whether it is a user, and not an anonymous one."""
    return getattr(user, "pk", None) is not None


def _key(user: Any) -> str:
    return key_text(user.pk, key_fields(concrete(user._meta.model)))


def _who(user: Any) -> dict[str, Any]:
    """Return the key and the name of a user, as the context of a request has them."""
    if not _is_known(user):
        return {}
    try:
        name = request_actors.name_of(user)
    except Exception:
        # The project's own function: no reason to lose the event.
        logger.exception("The name of a user could not be recorded.")
        name = None
    return {"user": user.pk, "user_name": name}
