"""Arguments: the words of a command line as models, keys, events and moments.

Raises:
    QueryError: from each function, for what means nothing; it says what would.
"""

from __future__ import annotations

import warnings
from argparse import ArgumentTypeError
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import FieldError, ValidationError
from django.db import DEFAULT_DB_ALIAS, models, router

from pgaudit_log.declaring import declarations, model_labels
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import user_lookup
from pgaudit_log.reading.objects import unloaded
from pgaudit_log.values import moment_parser
from pgaudit_log.values.keys import (
    joined_key,
    key_fields,
    parse_key,
    split_key,
    whole_key_text,
)
from pgaudit_log.values.tables import concrete


def positive(text: str) -> int:
    """Return a number from 1; for argparse."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is no number from 1")
    return number


def model(label: str) -> type[models.Model]:
    """Return the model whose table a label means: its label, a former one, or a class of its events."""
    found = model_labels.model_named(label)
    if found is not None:
        return found
    found = any_model(label)
    declaration = getattr(found, "pgh_declaration", None)
    if declaration is not None:
        return concrete(declaration.tracked_model)
    if not declarations.declarations_of(found):
        raise QueryError(f"{found._meta.label} is not tracked, so that it has no events.")
    return concrete(found)


def only_model(name: str) -> type[models.Model] | None:
    """Return the tracked model of this name, without its app, if there is exactly one."""
    found = [model for model in model_labels.tracked_models() if model._meta.object_name == name]
    return found[0] if len(found) == 1 else None


def any_model(label: str) -> type[models.Model]:
    """Return the model with this label, tracked or not; of tracked ones the name is enough."""
    found = only_model(label) or model_labels.any_model(label)
    if found is None:
        tracked = ", ".join(sorted(model._meta.label for model in model_labels.tracked_models()))
        raise QueryError(f"There is no model {label!r}. Tracked are {tracked or 'none'}.")
    return found


def database(options: dict[str, Any]) -> str:
    """Return the database that was asked for, or else that of the model that was.

    Raises:
        QueryError: when the models that were asked for are in several.
    """
    if options["database"] is not None:
        return str(options["database"])
    named = options.get("model") or []
    labels = [named] if isinstance(named, str) else list(named)
    if options.get("references"):
        labels.append(options["references"].partition(":")[0])
    found = {label: router.db_for_write(known) for label in labels if (known := _today(label))}
    if len(set(found.values())) > 1:
        where = ", ".join(f"{label} in {alias!r}" for label, alias in found.items())
        raise QueryError(f"These are in several databases: {where}. Choose one with --database.")
    return next(iter(found.values()), DEFAULT_DB_ALIAS)


def _today(label: str) -> type[models.Model] | None:
    """Return the model whose rows a label of today means; ``None`` for others."""
    model = model_labels.model_today(label)
    if model is None:
        return None
    declaration = getattr(model, "pgh_declaration", None)
    return concrete(model if declaration is None else declaration.tracked_model)


def obj(model: type[models.Model], text: str) -> models.Model:
    """Return an instance that has the key, and nothing else; the object need not be there."""
    return unloaded(model, key(model, text))


def key(model: type[models.Model], text: str) -> Any:
    """Return the primary key that a text means: as a form would take it, or as a JSON array."""
    fields = key_fields(model)
    try:
        # Spaces, leading zeros and capitals are the user's; parse_key() takes only our own.
        values = joined_key(split_key(text, fields))
        parsed = parse_key(model, whole_key_text(values, fields))
    except (TypeError, ValueError, ArithmeticError, ValidationError):
        parsed = None
    if parsed is None:
        names = ", ".join(field.name for field in fields)
        how = f"a JSON array of {names}" if len(fields) > 1 else f"a value of {names}"
        raise QueryError(f"{text!r} is no key of {model._meta.label}. Give {how}.")
    return parsed


def reference(text: str) -> models.Model:
    """Return the object that ``shop.Customer:5`` means; its model need not be tracked."""
    label, colon, own = text.partition(":")
    if not colon:
        raise QueryError(f"{text!r} names no object. Write its model and key: shop.Customer:5.")
    return obj(any_model(label), own)


def event(id: int, using: str) -> Events:
    """Return the event with this id."""
    found: Events | None = Events.objects.using(using).filter(pk=id).first()
    if found is None:
        raise QueryError(f"There is no event {id} in the log of the database {using!r}.")
    return found


def context_id(text: str) -> UUID:
    """Return the id of a context."""
    try:
        return UUID(text)
    except ValueError:
        raise QueryError(f"{text!r} is no id of a context, which is a UUID.") from None


def assignments(given: Sequence[str], option: str) -> dict[str, str]:
    """Return ``field=value`` texts as values by name."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise QueryError(f"{option} was given {text!r}. Write it as field=value.")
        found[name] = value
    return found


def filtered(
    queryset: models.QuerySet[Any, Any], conditions: dict[str, str]
) -> models.QuerySet[Any, Any]:
    """Return what passes conditions of the ORM: ``{"total__gt": "50"}``."""
    for name, text in conditions.items():
        value: Any = text
        if name.endswith(("__in", "__range")):
            value = text.split(",")
        elif name.endswith("__isnull"):
            value = text.lower() in ("true", "1", "yes")
        try:
            queryset = _narrowed(queryset, name, value)
        except FieldError as error:
            raise QueryError(f"--filter {name}={text}: {error}") from error
        except QueryError as error:
            raise QueryError(f"--filter {name}={text}: {error}") from error
        except (TypeError, ValueError, ArithmeticError, ValidationError) as error:
            messages = getattr(error, "messages", None) or [str(error)]
            raise QueryError(f"--filter {name}={text}: {' '.join(messages)}") from error
    return queryset


def _narrowed(
    queryset: models.QuerySet[Any, Any], name: str, value: Any
) -> models.QuerySet[Any, Any]:
    """Return what passes one condition, in which moments may be without a time zone."""
    try:
        with warnings.catch_warnings():
            # Django takes such a moment with a warning, also one that there is twice or never.
            warnings.simplefilter("error", RuntimeWarning)
            return queryset.filter(**{name: value})
    except RuntimeWarning:
        moments = (
            [moment_parser.moment_of(text) for text in value]
            if isinstance(value, list)
            else moment_parser.moment_of(value)
        )
        return queryset.filter(**{name: moments})


def user(text: str) -> Any:
    """Return the primary key of the user that a text means; the text where there are no users."""
    found = user_lookup.present(text)
    if found is None:
        raise QueryError(
            f"There is no user {text!r}. Give a user's key, its username, or both as the trail"
            ' prints them: "ana (7)".'
        )
    return found
