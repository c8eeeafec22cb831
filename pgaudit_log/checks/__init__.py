"""System checks: what is declared or set wrongly is found before the first write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pgtrigger
from django.apps import apps
from django.core import checks
from django.db import connections, router
from django.utils.module_loading import import_string

from pgaudit_log.checks import database
from pgaudit_log.checks.middleware import check_middleware
from pgaudit_log.conf import PREFIX, settings
from pgaudit_log.constants import APP_LABEL
from pgaudit_log.database import installation, installed_triggers, routing
from pgaudit_log.database.partitions.calendar import INTERVALS
from pgaudit_log.database.partitions.locks import locks
from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.declarations import ObjForeignKey
from pgaudit_log.declaring.trackers import Tracker
from pgaudit_log.reading import typed_events
from pgaudit_log.values.tables import concrete

Messages = list[checks.CheckMessage]


def register() -> None:
    """Register the checks of this module with Django."""
    checks.register(check_settings, checks.Tags.compatibility)
    checks.register(check_installed_apps, checks.Tags.compatibility)
    checks.register(check_middleware, checks.Tags.compatibility)
    checks.register(check_models, checks.Tags.models)
    checks.register(routing.check_routers, checks.Tags.models)
    checks.register(check_databases, checks.Tags.database)


class _Rule(NamedTuple):
    name: str
    is_valid: Callable[[Any], bool]
    hint: str


def _is_encoder(value: Any) -> bool:
    if isinstance(value, str):
        try:
            value = import_string(value)
        except ImportError:
            return False
    return isinstance(value, type) and issubclass(value, json.JSONEncoder)


def _is_user_name(value: Any) -> bool:
    if isinstance(value, str) and "." in value:
        try:
            value = import_string(value)
        except ImportError:
            return False
    return value is None or callable(value) or (isinstance(value, str) and value.isidentifier())


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, kind) for item in value)


RULES = (
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
        "PARTITION_INTERVAL",
        lambda value: value in INTERVALS,
        f"Set one of {', '.join(INTERVALS)}.",
    ),
    _Rule(
        "PARTITIONS_AHEAD",
        lambda value: type(value) is int and 0 <= value <= 366,
        "Set a number from 0 to 366.",
    ),
    _Rule("SECURITY_BARRIER", lambda value: isinstance(value, bool), "Set True or False."),
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


def check_models(app_configs: Any, **kwargs: Any) -> Messages:
    """Return an error for each tracked model whose changes could not be captured."""
    return [
        message
        for declaration in declarations.declarations()
        for message in _check_declaration(declaration)
    ]


def _check_declaration(declaration: declarations.Declaration) -> Iterator[checks.CheckMessage]:
    model = concrete(declaration.tracked_model)
    alias = router.db_for_write(model)
    if connections[alias].vendor != "postgresql":
        yield checks.Error(
            f'{declaration.label} is tracked, but the database "{alias}" it is written to is'
            f" {connections[alias].display_name}, whose changes cannot be captured.",
            hint="Route the model to a PostgreSQL database, or do not track it.",
            obj=declaration.tracked_model,
            id="pgaudit_log.E003",
        )
    event_model = typed_events.event_model_of(declaration)
    registered = apps.all_models[declaration.app_label].get(declaration.model_name.lower())
    if registered is not event_model:
        yield checks.Error(
            f"{declaration.app_label}.{declaration.model_name} is the name of the events of"
            f" {declaration.label}, and of another model.",
            hint="Give track() another model_name=.",
            obj=registered,
            id="pgaudit_log.E006",
        )
    for field in model._meta.get_fields():
        other = getattr(field, "related_model", None)
        if (
            field.auto_created
            and not field.concrete
            and other is not event_model
            and field.get_accessor_name() == typed_events.related_name(declaration)  # type: ignore[union-attr]
            and not hasattr(other, "pgh_declaration")
        ):
            yield checks.Error(
                f"{declaration.label}.{field.get_accessor_name()} is the accessor of both its"  # type: ignore[union-attr]
                f" events and {other._meta.label}.",  # type: ignore[union-attr]
                hint='Give track() an obj_field=pgaudit_log.ObjForeignKey(related_name="…").',
                obj=declaration.tracked_model,
                id="pgaudit_log.E004",
            )


def check_databases(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> Messages:
    """Return a warning for each database that lacks what the declarations need; runs with ``migrate``."""
    return [m for alias in databases or () for m in database.asked(alias, _check_database)]


def _check_database(alias: str) -> Messages:
    # `migrate` runs the checks before it starts: what it is about to make is not missing.
    if not installation.is_wanted(alias) or not installation.is_migrated(alias):
        return []
    faults = installation.incomplete_schema(alias)
    messages = database.check_schema(alias, faults)
    if not installation.has_event_table(alias):
        return messages
    messages += database.asked(alias, database.check_strangers)
    at_fault = {fault.name for fault in faults}
    if "function pgaudit_log_database" in at_fault:
        # Without it, the rest cannot be asked.
        return messages
    if "function pgaudit_log_numbers" not in at_fault:
        messages += database.asked(alias, _check_numbers)
    return messages + database.asked(
        alias,
        database.check_captures,
        _check_triggers,
        database.check_histories,
        _check_tables,
        _check_turns,
        _check_locks,
        database.check_views,
    )


def _check_numbers(alias: str) -> Messages:
    """Return warnings about numbers that would be given twice, and events without a partition."""
    wrong = installation.numbers(alias)
    messages: Messages = []
    if wrong.are_transactions_mixed:
        messages.append(
            checks.Warning(
                f'The database "{alias}" counts transactions anew, as after a dump was restored, so'
                " that one could have the number that earlier events have. Undo of a transaction"
                " would take both back.",
                hint="Run migrate, or manage.py pgaudit_log install, before anything is written.",
                obj=APP_LABEL,
                id="pgaudit_log.W006",
            )
        )
    if wrong.are_ids_repeated:
        messages.append(
            checks.Warning(
                f'The sequence of event ids in the database "{alias}" is behind the ids that events'
                " have, so that ids would be given twice.",
                hint="Run migrate, or manage.py pgaudit_log install, before anything is written.",
                obj=APP_LABEL,
                id="pgaudit_log.W007",
            )
        )
    if installation.lacks_partition(alias):
        messages.append(
            checks.Warning(
                f'The event table of the database "{alias}" has no partition for the events of now,'
                " which go to its DEFAULT partition.",
                hint="Run migrate, or manage.py pgaudit_log install, from time to time.",
                obj=APP_LABEL,
                id="pgaudit_log.W008",
            )
        )
    return messages


def _check_triggers(alias: str) -> Messages:
    """Return warnings about triggers that stand and should not, or not as they are."""
    messages: Messages = []
    stray = [f"{trigger.name} on {trigger.table}" for trigger in installation.stray_triggers(alias)]
    if stray:
        messages.append(
            checks.Warning(
                f'The database "{alias}" has capture triggers that nothing declares on tracked'
                f" tables: {', '.join(stray)}. Changes are captured more than once.",
                hint="Run migrate, or manage.py pgaudit_log install, which drops them.",
                obj=APP_LABEL,
                id="pgaudit_log.W019",
            )
        )
    broken = installed_triggers.broken(connections[alias])
    if broken:
        named = (f"{trigger.name} on {trigger.table} ({trigger.missing})" for trigger in broken)
        messages.append(
            checks.Error(
                f'The database "{alias}" has capture triggers that miss something:'
                f" {', '.join(named)}. Every write of those tables is refused.",
                hint="Run manage.py pgaudit_log install, which makes them anew or drops them.",
                obj=APP_LABEL,
                id="pgaudit_log.E009",
            )
        )
    return messages


def _check_turns(alias: str) -> Messages:
    """Return a warning about tables where triggers came after the last installation."""
    tables = [
        found.table for found in installation.turns(alias) if found.is_needed > found.is_there
    ]
    if not tables:
        return []
    return [
        checks.Warning(
            f"Triggers of others fire at writes of the tracked {', '.join(tables)}. What they write to"
            " the same rows is captured first, so that the newest event may not be the last state.",
            hint="Run migrate, or manage.py pgaudit_log install, after such a trigger was added.",
            obj=APP_LABEL,
            id="pgaudit_log.W009",
        )
    ]


def _check_locks(alias: str) -> Messages:
    """Return a warning where the event table has too many partitions for the server's locks."""
    found = locks(alias)
    if not found.are_scarce:
        return []
    return [
        checks.Warning(
            f'The event table of the database "{alias}" has {found.partitions:,} partitions of'
            f" {found.relations} relations each. A read without a time locks all of them,"
            f" {found.needed:,}; the server has room for {found.capacity:,} locks"
            " (max_locks_per_transaction * (max_connections + max_prepared_transactions)). A few such"
            ' reads at once fail with "out of shared memory".',
            hint="Raise max_locks_per_transaction, for which the server has to be restarted, detach"
            " old partitions, or set a longer PGAUDIT_LOG_PARTITION_INTERVAL for those to come.",
            obj=APP_LABEL,
            id="pgaudit_log.W017",
        )
    ]


def _check_tables(alias: str) -> Messages:
    """Return messages about tracked tables whose rows cannot be told apart, or written around a trigger."""
    messages: Messages = [
        checks.Error(
            f'{label} is tracked, but its table in the database "{alias}" has no primary key, so'
            " that its events could not be told apart by object.",
            hint="Add the primary key, or do not track the model.",
            obj=APP_LABEL,
            id="pgaudit_log.E005",
        )
        for label in installation.tracked_without_primary_key(alias)
    ]
    leaves = sorted({leaf for leaf, *_ in installation.leaves_without_triggers(alias)})
    if leaves:
        messages.append(
            checks.Warning(
                f"Partitions of tracked tables have no triggers of their own: {', '.join(leaves)}."
                " Writes that name the partition instead of its table go unrecorded.",
                hint="Run migrate, or manage.py pgaudit_log install, after adding partitions.",
                obj=APP_LABEL,
                id="pgaudit_log.W004",
            )
        )
    return messages
