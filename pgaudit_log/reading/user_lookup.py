"""User texts: whom a text means: a key, a username, or both as the trail prints them, ``ana (7)``."""

from __future__ import annotations

import re
from functools import reduce
from operator import or_
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import Exact
from django.utils.translation import gettext as _

from pgaudit_log.exceptions import QueryError
from pgaudit_log.reading.expressions import OnBehalfOfText, UserText
from pgaudit_log.reading.trail_model import all_events
from pgaudit_log.values.keys import key_fields, parse_key, whole_key_text
from pgaudit_log.values.tables import Field, concrete

_PRINTED = re.compile(r"(?P<name>.+) \((?P<key>.+)\)", re.DOTALL)

_SIDES = {"user": UserText("pgh_context"), "on_behalf_of": OnBehalfOfText("pgh_context")}
"""Where a context has the key of a user; its name is beside it."""


def user_model() -> type[models.Model] | None:
    """Return the model of the project's users, ``None`` where it has none."""
    if settings.AUTH_USER_MODEL.partition(".")[0] not in apps.app_configs:
        return None
    return apps.get_model(settings.AUTH_USER_MODEL)


def is_key(text: str) -> bool:
    """Return whether a text can only be a key: users have none such that are texts themselves."""
    model = user_model()
    if model is None:
        return True
    field: Field = model._meta.pk
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return not isinstance(field, models.CharField | models.TextField) and _key(model, text) == text


def key_of(user: Any) -> str:
    """Return the key of a user, as contexts have it; empty for nobody."""
    if getattr(user, "pk", None) is None:
        return ""
    return whole_key_text(user.pk, key_fields(concrete(user._meta.model)))


def present(text: str) -> Any:
    """Return the primary key of the user of today that a text means, ``None`` if there is none.

    Where the project has no users, the text comes back.
    """
    model = user_model()
    if model is None:
        return text
    for found in (_by_key(model, text), _by_username(model, text)):
        if found is not None:
            return found
    printed = _PRINTED.fullmatch(text)
    if printed is None or (found := _by_key(model, printed["key"])) is None:
        return None
    return found if _by_username(model, printed["name"]) == found else None


def keys(text: str, using: str) -> list[str]:
    """Return the keys, as contexts have them, of the user that a text means.

    Of users that are no more, the trail knows keys and names. It is searched for a name only where
    nothing else has it, because no index serves that.

    Raises:
        QueryError: when there is no such user and never was, as far as the trail knows; or several.
    """
    model = user_model()
    if model is None:
        return [text]
    found = present(text)
    if found is not None:
        return [whole_key_text(found, key_fields(model))]
    printed = _PRINTED.fullmatch(text)
    if printed is not None and (own := _known_key(model, printed["key"], using)) is not None:
        if _was_called(own, printed["name"], using):
            return [own]
        raise QueryError(
            _(
                "The user %(key)s is not called %(name)r, and no event calls it so. Give the key"
                " alone: %(key)s."
            )
            % {"key": own, "name": printed["name"]}
        )
    if (own := _known_key(model, text, using)) is not None:
        return [own]
    own_keys = _called(text, using)
    if len(own_keys) > 1:
        listed = ", ".join(f'"{text} ({own})"' for own in own_keys)
        raise QueryError(
            _("%(text)r was the name of several users. Give one of them: %(listed)s.")
            % {"text": text, "listed": listed}
        )
    if not own_keys:
        raise QueryError(
            _(
                "There is no user %(text)r, and no event of one. Give a user's key, its username, or"
                ' both as the trail prints them: "ana (7)".'
            )
            % {"text": text}
        )
    return own_keys


def _key(model: type[models.Model], text: str) -> str | None:
    """Return the text of the key that a text means, as a form would take it."""
    fields = key_fields(model)
    try:
        return whole_key_text(text, fields) if len(fields) == 1 else text
    except (TypeError, ValueError, ArithmeticError, ValidationError):
        return None


def _by_key(model: type[models.Model], text: str) -> Any:
    key = parse_key(model, _key(model, text) or "")
    found = key is not None and model._base_manager.filter(pk=key).exists()
    return key if found else None


def _by_username(model: type[models.Model], text: str) -> Any:
    name = getattr(model, "USERNAME_FIELD", None)
    if name is None:
        return None
    return model._base_manager.filter(**{name: text}).values_list("pk", flat=True).first()


def _known_key(model: type[models.Model], text: str, using: str) -> str | None:
    """Return a key as contexts have it, if a user has it or the trail knows it."""
    found = _by_key(model, text)
    if found is not None:
        return whole_key_text(found, key_fields(model))
    candidates = (text, _key(model, text))
    return next((own for own in candidates if own and _has_events(own, using)), None)


def _has_events(key: str, using: str) -> bool:
    # Each index is asked by itself.
    return any(all_events(using).filter(Exact(side, key)).exists() for side in _SIDES.values())


def _name(side: str) -> Any:
    return KeyTextTransform(f"{side}_name", "pgh_context")


def _was_called(key: str, name: str, using: str) -> bool:
    return any(
        all_events(using).filter(Q(Exact(column, key)) & Q(Exact(_name(side), name))).exists()
        for side, column in _SIDES.items()
    )


def _called(name: str, using: str) -> list[str]:
    """Return the keys of those whom events call so; that reads all events once."""
    of_name = reduce(or_, (Q(Exact(_name(side), name)) for side in _SIDES))
    columns = [column for side, own in _SIDES.items() for column in (own, _name(side))]
    rows = all_events(using).filter(of_name).order_by().values_list(*columns).distinct()
    people = [person for row in rows for person in (row[:2], row[2:])]
    return sorted({key for key, called in people if called == name and key})
