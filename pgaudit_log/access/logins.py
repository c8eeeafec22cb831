"""Logins, logouts and failed logins, as Django's signals tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError

from pgaudit_log.access import events, visits
from pgaudit_log.conf import settings
from pgaudit_log.contexts import masks, request_actors
from pgaudit_log.contexts.salvage import cut
from pgaudit_log.reading import user_lookup

LONGEST_NAME = 150
"""How many characters of a name that somebody tried are kept: as many as Django's users have."""


def connect() -> None:
    """Listen to Django's signals; whether anything is written is asked each time."""
    if not apps.is_installed("django.contrib.auth"):
        return
    from django.contrib.auth import signals

    for signal, receiver in (
        (signals.user_logged_in, logged_in),
        (signals.user_logged_out, logged_out),
        (signals.user_login_failed, login_failed),
    ):
        signal.connect(receiver, dispatch_uid=f"pgaudit_log.{receiver.__name__}")


def logged_in(user: Any, **kwargs: Any) -> None:
    """Write the event of a login, in the transaction that it is part of."""
    if "login" in settings.ACCESS_EVENTS:
        backend = getattr(user, "backend", None)
        events.write("login", {"backend": backend} if backend else {}, user=user)


def logged_out(user: Any, **kwargs: Any) -> None:
    """Write the event of a logout; a visitor who was nobody leaves none."""
    if "logout" in settings.ACCESS_EVENTS and getattr(user, "pk", None) is not None:
        events.write("logout", {}, user=user)


def login_failed(credentials: Mapping[str, Any], **kwargs: Any) -> None:
    """Write the event of a failed login, behind the transaction of the request that may roll back."""
    if "login_failed" in settings.ACCESS_EVENTS:
        visits.behind_the_request(partial(_write_failed, credentials))


def _write_failed(credentials: Mapping[str, Any]) -> None:
    """Write it with the name that was tried; nothing else of the credentials is ever stored."""
    with events.attempt("login_failed"):
        model = user_lookup.user_model()
        tried = credentials.get(getattr(model, "USERNAME_FIELD", ""), credentials.get("username"))
        name = None if tried is None else cut(str(tried)[:LONGEST_NAME], LONGEST_NAME * 12)
        user = _called(model, name)
        if user is None:
            reason = "unknown user"
        else:
            reason = "refused" if getattr(user, "is_active", True) else "inactive user"
        is_told = (user is not None or settings.ACCESS_NAMES == "all") and not _is_hidden(model)
        data = {"tried_name": name if is_told else None, "reason": reason}
        # Nobody has proved to be that user: the event points at the user, and is nobody's.
        events.write("login_failed", data, concerned=user)


def _called(model: Any, name: str | None) -> Any:
    """Return the user of a name; ``None`` where there is none, or none can be asked for."""
    field = getattr(model, "USERNAME_FIELD", None)
    if name is None or field is None:
        return None
    try:
        return model._base_manager.using(events.place()).filter(**{field: name}).first()
    except (TypeError, ValueError, ValidationError):
        # It is not of the type of the field, such as a UUID, so that no user has it.
        return None


def _is_hidden(model: Any) -> bool:
    """Return whether no event is to have the names of users."""
    return request_actors.is_hidden(model, "get_username") or ("user_name",) in masks.paths()
