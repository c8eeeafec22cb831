"""Checks of the settings: their names and values, and the app that has to be installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pgtrigger
from django.apps import apps
from django.core import checks
from django.utils.module_loading import import_string

from pgaudit_log.access.events import LOGINS
from pgaudit_log.conf import PREFIX, settings
from pgaudit_log.contexts import spans
from pgaudit_log.database.partitions.calendar import INTERVALS
from pgaudit_log.declaring.declarations import ObjForeignKey
from pgaudit_log.declaring.trackers import Tracker
from pgaudit_log.importing import peer_settings
from pgaudit_log.values.ages import HINT, Age

Messages = list[checks.CheckMessage]


class _Rule(NamedTuple):
    name: str
    is_valid: Callable[[Any], bool]
    hint: str


def _is_encoder(value: object) -> bool:
    if isinstance(value, str):
        try:
            value = import_string(value)
        except ImportError:
            return False
    return isinstance(value, type) and issubclass(value, json.JSONEncoder)


def _is_function(value: object) -> bool:
    if isinstance(value, str):
        try:
            value = import_string(value)
        except ImportError:
            return False
    return callable(value)


def _is_user_name(value: object) -> bool:
    if isinstance(value, str) and "." in value:
        try:
            value = import_string(value)
        except ImportError:
            return False
    return value is None or callable(value) or (isinstance(value, str) and value.isidentifier())


def _is_age(value: object) -> bool:
    try:
        Age.of(value)
    except ValueError:
        return False
    return True


def _is_list_of(kind: type, value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, kind) for item in value)


RULES = (
    _Rule(
        "ACCESS_EVENTS",
        lambda value: _is_list_of(str, value) and set(value) <= set(LOGINS),
        f"Set a list of {', '.join(LOGINS)}.",
    ),
    _Rule("ACCESS_NAMES", lambda value: value in ("all", "known"), 'Set "all" or "known".'),
    _Rule("ACCESS_ON_FAILURE", lambda value: value in ("log", "raise"), 'Set "log" or "raise".'),
    _Rule(
        "ADMIN_DAYS",
        lambda value: value is None or (type(value) is int and 1 <= value <= 36_500),
        "Set a number of days from 1, or None for all that there are.",
    ),
    _Rule("ADMIN_HISTORY", lambda value: isinstance(value, bool), "Set True or False."),
    _Rule("ADMIN_REASON", lambda value: isinstance(value, bool), "Set True or False."),
    _Rule("ADMIN_REVERT_THROUGH", lambda value: value in ("sql", "save"), 'Set "sql" or "save".'),
    _Rule(
        "ADMIN_TIMEOUT",
        lambda value: type(value) is int and 1 <= value <= 3600,
        "Set a number of seconds from 1 to 3600.",
    ),
    _Rule("ADMIN_TRAIL", lambda value: isinstance(value, bool), "Set True or False."),
    _Rule("ADMIN_VIEWS", lambda value: isinstance(value, bool), "Set True or False."),
    _Rule(
        "APPEND_ONLY",
        lambda value: value is True,
        "Events are always append-only; take the setting out.",
    ),
    _Rule(
        "CONTEXT_CARRIER",
        lambda value: value in ("auto", "comment", "setting", "id"),
        'Set "auto", "comment", "setting" or "id".',
    ),
    _Rule("CONTEXT_ON", lambda value: value in ("all", "writes"), 'Set "all" or "writes".'),
    _Rule(
        "CREATED_AT_FUNCTION",
        lambda value: isinstance(value, str) and value.lower() in ("now()", "clock_timestamp()"),
        'Set "now()" or "clock_timestamp()".',
    ),
    _Rule(
        "DEFAULT_TRACKERS",
        lambda value: value is None or (bool(value) and _is_list_of(Tracker, value)),
        "Set a list of trackers, such as [pgaudit_log.InsertEvent(), pgaudit_log.UpdateEvent()].",
    ),
    _Rule(
        "HIDDEN_FIELDS",
        lambda value: value is None or _is_function(value),
        "Set a function of a request and a model that returns names of fields, the path of one, or None.",
    ),
    _Rule("INDEX_REFERENCES", lambda value: isinstance(value, bool), "Set True or False."),
    _Rule("JSON_ENCODER", _is_encoder, "Set a subclass of json.JSONEncoder, or the path of one."),
    _Rule(
        "LEVEL",
        lambda value: (
            isinstance(value, pgtrigger.Level) or str(value).upper() in ("ROW", "STATEMENT")
        ),
        "Set pgaudit_log.Statement or pgaudit_log.Row.",
    ),
    _Rule(
        "MASK_CONTEXT",
        lambda value: _is_list_of(str, value) and all(all(path.split(".")) for path in value),
        'Set a list of keys of contexts, with dots for those inside of others, such as ["ip", "url.token"].',
    ),
    _Rule(
        "MIDDLEWARE_METHODS",
        lambda value: (
            value is None or (_is_list_of(str, value) and all(method.isupper() for method in value))
        ),
        'Set a list of HTTP methods in capitals, such as ["POST", "PUT"], or None for all.',
    ),
    _Rule(
        "OBJ_FIELD",
        lambda value: value is None or isinstance(value, ObjForeignKey),
        "Set a pgaudit_log.ObjForeignKey, or None.",
    ),
    _Rule(
        "PAGE_VIEWS",
        lambda value: _is_list_of(str, value) and all(value),
        'Set a list of paths and names of views, such as ["/patients/*", "shop:order"].',
    ),
    _Rule(
        "PARTITION_INTERVAL",
        lambda value: value in INTERVALS,
        f"Set one of {', '.join(INTERVALS)}.",
    ),
    _Rule(
        "PARTITIONS_AHEAD",
        lambda value: type(value) is int and 0 <= value <= 366,
        "Set a number from 0 to 366.",
    ),
    _Rule("MAINTAIN_AFTER_MIGRATE", lambda value: isinstance(value, bool), "Set True or False."),
    _Rule(
        "MERGE_PARTITIONS",
        lambda value: (
            value is None
            or (
                isinstance(value, dict)
                and set(value) == {"older_than", "into"}
                and _is_age(value["older_than"])
                and value["into"] in INTERVALS
            )
        ),
        'Set {"older_than": "1y", "into": "year"}, or None.',
    ),
    _Rule(
        "RETENTION",
        lambda value: (
            value is None
            or (
                isinstance(value, dict)
                and all(
                    isinstance(label, str) and (age is None or _is_age(age))
                    for label, age in value.items()
                )
            )
        ),
        f'Set ages by model, such as {{"default": "7y", "shop.Visit": "90d"}}, or None. {HINT}',
    ),
    _Rule("SECURITY_BARRIER", lambda value: isinstance(value, bool), "Set True or False."),
    _Rule(
        "TRACE_ID",
        lambda value: value is False or (value is True and spans.trace_module() is not None),
        "Set False, or True and install OpenTelemetry: pip install 'django-pgaudit-log[opentelemetry]'.",
    ),
    _Rule(
        "USER_NAME",
        _is_user_name,
        'Set the name of an attribute or method of your users, such as "get_username", a function'
        " of a user, the path of one, or None.",
    ),
)


def check_settings(app_configs: Any, **kwargs: Any) -> Messages:
    """Return an error for each setting with a wrong value, and each that does not exist."""
    from django.conf import settings as django_settings

    messages: Messages = [
        checks.Error(
            f"{PREFIX}{rule.name} is {getattr(settings, rule.name)!r}, which is not valid.",
            hint=rule.hint,
            id="pgaudit_log.E001",
        )
        for rule in RULES
        if not rule.is_valid(getattr(settings, rule.name))
    ]
    known = {PREFIX + rule.name for rule in RULES}
    messages += [
        checks.Warning(
            f"{name} is no setting of this package.",
            hint=f"Take it out, or correct its name: {', '.join(sorted(known))}.",
            id="pgaudit_log.W001",
        )
        for name in dir(django_settings)
        if name.startswith(PREFIX) and name not in known
    ]
    return messages


def check_installed_apps(app_configs: Any, **kwargs: Any) -> Messages:
    """Return an error if django-pgtrigger's app, which makes the triggers' migrations, is missing."""
    if apps.is_installed("pgtrigger"):
        return []
    return [
        checks.Error(
            "pgaudit_log needs django-pgtrigger, which makes the migrations of its triggers.",
            hint='Add "pgtrigger" to INSTALLED_APPS.',
            id="pgaudit_log.E002",
        )
    ]


def check_settings_of_peers(app_configs: Any, **kwargs: Any) -> Messages:
    """Return a warning for each setting of a package that this one has taken the place of."""
    from django.conf import settings as django_settings

    return [
        checks.Warning(
            f"{name} is a setting of {app}, which is not in INSTALLED_APPS.",
            hint=f"Take it out. Set instead: {instead}",
            id="pgaudit_log.W030",
        )
        for app, settings_of_app in peer_settings.APPS.items()
        if not apps.is_installed(app)
        for name, instead in settings_of_app.items()
        # One of them sets its defaults where somebody imports it.
        if django_settings.is_overridden(name)  # type: ignore[misc]  # the stubs do not know it
    ]
