"""Who acts in a request: the user, on whose behalf, and by which token or service."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest
from django.utils.module_loading import import_string

from pgaudit_log.conf import settings
from pgaudit_log.declaring.masks import is_masked

KEYS = frozenset({"user", "user_name", "on_behalf_of", "on_behalf_of_name", "token", "service"})
"""The keys of a context that say who; the middleware writes them."""

_HIJACK = "hijack_history"
_LOGINAS = "loginas_from_user"


def name_of(user: Any) -> str | None:
    """Return the name by which people know a user, as ``PGAUDIT_LOG_USER_NAME`` says.

    It is ``None`` where no event is to have the field that it is in.
    """
    chosen = settings.USER_NAME
    if user is None or chosen is None or is_hidden(user, chosen):
        return None
    if isinstance(chosen, str):
        if "." in chosen:
            chosen = import_string(chosen)
        else:
            value = getattr(user, chosen, None)
            name = value() if callable(value) else value
            return None if name is None else str(name)
    name = chosen(user)
    return None if name is None else str(name)


def is_hidden(user: Any, name: Any) -> bool:
    """Return whether a name of a user, or of their model, is a masked field; ``get_username`` has one."""
    if name == "get_username":
        name = getattr(user, "USERNAME_FIELD", None)
    try:
        return is_masked(user._meta.get_field(name))
    except (AttributeError, FieldDoesNotExist):
        return False


def impersonator(request: HttpRequest) -> Any:
    """Return the user who acts as another, or ``None``.

    Knows django-hijack, django-impersonate and django-loginas, whether they are installed or
    not. Loads the session only where it was loaded before: who is impersonated was found by it.
    """
    # https://codeberg.org/petersanchez/django-impersonate: its middleware sets both users.
    found = getattr(request, "impersonator", None)
    if found is not None and found != getattr(request, "user", None):
        return found
    session = getattr(request, "session", None)
    if session is None or not getattr(session, "accessed", True):
        return None
    # https://github.com/django-hijack/django-hijack: the keys of the users acted as, the first
    # of whom is the person.
    if history := session.get(_HIJACK):
        return _user(history[0])
    # https://github.com/skorokithakis/django-loginas: the key, signed.
    if signed := session.get(_loginas_key()):
        try:
            return _user(TimestampSigner().unsign(signed))
        except BadSignature:
            return None
    return None


def _loginas_key() -> str:
    from django.conf import settings as project_settings

    key: str = getattr(project_settings, "LOGINAS_FROM_USER_SESSION_FLAG", _LOGINAS)
    return key


def _user(key: Any) -> Any:
    """Return the user with a key; where that one is gone, what stands for them."""
    model = get_user_model()
    try:
        pk = model._meta.pk.to_python(key)
        return model._default_manager.filter(pk=pk).first() or _Gone(pk)
    except (TypeError, ValueError):
        return _Gone(key)


class _Gone:
    """A user who is no more, of whom the key is known."""

    def __init__(self, pk: Any) -> None:
        self.pk = pk


def token(request: HttpRequest) -> str | None:
    """Return which API token a request came with, as ``kind:id``; never what could be used as one.

    Knows the tokens of Django REST framework, django-rest-knox, Simple JWT and
    django-oauth-toolkit by their look.
    """
    given = _token(request)
    if given is None:
        return None
    if _is_model(given, "key", "user_id", "created"):
        # The key of Django REST framework's own token is the secret.
        return f"authtoken:{hashlib.sha256(str(given.key).encode()).hexdigest()[:16]}"
    if _is_model(given, "digest", "token_key"):
        # The digest is a hash of the secret; token_key is a part of it.
        return f"knox:{str(given.digest)[:16]}"
    if _is_model(given, "application_id", "scope"):
        return f"oauth2:{given.pk}"
    claims = getattr(given, "payload", given)
    if isinstance(claims, Mapping) and isinstance(claims.get("jti"), str):
        return f"jwt:{claims['jti']}"
    return None


def service(request: HttpRequest) -> str | None:
    """Return the application that an OAuth 2 token was given to, by its name or client id."""
    given = _token(request)
    if given is None or not _is_model(given, "application_id", "scope"):
        return None
    application = given.application
    name = getattr(application, "name", None) or getattr(application, "client_id", None)
    return None if name is None else str(name)


def _token(request: HttpRequest) -> Any:
    found = getattr(request, "auth", None)
    return found if found is not None else getattr(request, "access_token", None)


def _is_model(given: object, *names: str) -> bool:
    return not isinstance(given, Mapping) and all(hasattr(given, name) for name in names)
