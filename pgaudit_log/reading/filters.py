"""Criteria: what events are asked for by, as conditions of the ORM that the indexes can serve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Q, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import Exact, In, IsNull

from pgaudit_log.declaring import declarations, model_labels
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reading.expressions import (
    AnyOfKeys,
    OnBehalfOfText,
    UserText,
    any_of,
    key_of,
    of_model,
)
from pgaudit_log.reading.moments import aware
from pgaudit_log.values.keys import key_fields, key_text, whole_key_text
from pgaudit_log.values.tables import concrete

_BIGINT = 2**63


def flattened(given: Iterable[Any]) -> Iterator[Any]:
    """Yield what was given one by one or in lists; a queryset stays one, to become a subquery."""
    for item in given:
        if isinstance(item, (list, tuple, set, frozenset)):
            yield from flattened(item)
        else:
            yield item


def refuse_nothing(given: tuple[Any, ...], method: str, what: str) -> None:
    """Raise if a method was called without arguments.

    Raises:
        QueryError: names the method, and ``what`` it wants.
    """
    if not given:
        raise QueryError(f"{method}() was given nothing. Give it {what}.")


def key_text_of(obj: models.Model, method: str) -> str:
    """Return the text of an object's key.

    Raises:
        QueryError: when the object has none.
    """
    if not obj._is_pk_set():  # type: ignore[attr-defined]
        raise QueryError(
            f"{method}() was given a {obj._meta.object_name} without a primary key: it was never"
            " saved, or it was deleted. Find the events of a deleted object by the key that it had:"
            " filter(pgh_obj_id=…)."
        )
    return key_text(obj.pk, key_fields(concrete(type(obj))))


def user_text_of(obj: models.Model, method: str) -> str:
    """Return the text of a user's key as contexts have it: as long as it is.

    Raises:
        QueryError: when the user has none.
    """
    key_text_of(obj, method)
    return whole_key_text(obj.pk, key_fields(concrete(type(obj))))


def keys_in(queryset: models.QuerySet[Any, Any], key: Any) -> models.QuerySet[Any, Any]:
    """Return a queryset of objects as one of ``key``, an expression, to be a subquery."""
    if queryset.query.combinator:
        # A union can be no more than looked in, and only by its key.
        queryset = queryset.model._base_manager.filter(pk__in=queryset.order_by().values("pk"))
    if not queryset.query.is_sliced:
        queryset = queryset.order_by()
    found: models.QuerySet[Any, Any] = queryset.values(pgh_key=key)
    return found


def by_users(users: tuple[Any, ...]) -> Q:
    """Return the condition that one of ``users`` acted, or that it was done on their behalf.

    ``users`` are instances, keys, querysets, and ``None`` for events without a user.
    """
    refuse_nothing(users, "by", "users, their primary keys, or None for events without a user")
    columns = (UserText("pgh_context"), OnBehalfOfText("pgh_context"))
    texts: list[str] = []
    conditions: list[Any] = []
    for user in flattened(users):
        if isinstance(user, models.QuerySet):
            keys = keys_in(user, key_of(user.model, "default"))
            conditions += [AnyOfKeys(column, Subquery(keys)) for column in columns]
        elif isinstance(user, models.Model):
            texts.append(user_text_of(user, "by"))
        elif (key := getattr(user, "pk", user)) is None:
            conditions.append(IsNull(columns[0], True))
        else:
            texts.append(str(key).lower() if isinstance(key, bool) else str(key))
    if texts:
        conditions += [
            Exact(column, texts[0]) if len(texts) == 1 else In(column, texts) for column in columns
        ]
    return any_of(conditions)


def of_context(key: str, value: str) -> Q:
    """Return the condition that the context has a text under a key."""
    return Q(Exact(KeyTextTransform(key, "pgh_context"), value))


def of_name(name: str) -> Q:
    """Return the condition that who acted, or on whose behalf, was called ``name`` then."""
    return of_context("user_name", name) | of_context("on_behalf_of_name", name)


def in_contexts(contexts: tuple[Any, ...]) -> Q:
    """Return the condition on the context: ids, ``Context`` values, events or querysets of events."""
    refuse_nothing(contexts, "in_context", "the id of a context, the context, or one of its events")
    ids: list[UUID] = []
    conditions: list[Any] = []
    for given in flattened(contexts):
        if isinstance(given, models.QuerySet):
            conditions.append(Q(pgh_context_id__in=given.order_by().values("pgh_context_id")))
            continue
        id = getattr(given, "pgh_context_id", getattr(given, "id", given))
        if id is None:
            raise QueryError(f"in_context() was given {given!r}, which was written in no context.")
        try:
            ids.append(id if isinstance(id, UUID) else UUID(id))
        except (AttributeError, TypeError, ValueError):
            raise QueryError(
                f"in_context() was given {given!r}. Give the id of a context, which is a UUID, a"
                " context, or an event."
            ) from None
    if ids:
        conditions.append(Q(pgh_context_id__in=ids))
    return any_of(conditions)


def in_transactions(transactions: tuple[Any, ...]) -> Q:
    """Return the condition on the transaction: numbers, events or querysets of events."""
    refuse_nothing(transactions, "in_transaction", "a transaction's number or one of its events")
    numbers: list[int] = []
    conditions: list[Any] = []
    for given in flattened(transactions):
        if isinstance(given, models.QuerySet):
            conditions.append(Q(pgh_txid__in=given.order_by().values("pgh_txid")))
            continue
        number = getattr(given, "pgh_txid", given)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < _BIGINT:
            raise QueryError(
                f"in_transaction() was given {given!r}. Give a number, as pgh_txid has it, or an"
                " event."
            )
        numbers.append(number)
    if numbers:
        conditions.append(Q(pgh_txid__in=numbers))
    return any_of(conditions)


def between(start: datetime | None, end: datetime | None) -> Q:
    """Return the condition that an event is of ``[start, end)``; ``None`` leaves a side open."""
    for moment in (start, end):
        if moment is None:
            continue
        if not isinstance(moment, datetime):
            raise QueryError(
                f"between() was given {moment!r}, which is no moment. Give an aware datetime."
            )
    found = Q()
    if start is not None:
        found &= Q(pgh_created_at__gte=aware(start))
    if end is not None:
        found &= Q(pgh_created_at__lt=aware(end))
    return found


def position_of(given: object, method: str) -> int:
    """Return the position in the trail of an event, or the one given as a number.

    Raises:
        QueryError: for anything else.
    """
    position = getattr(given, "pgh_id", given)
    if not isinstance(position, int) or isinstance(position, bool):
        raise QueryError(f"{method}() was given {given!r}. Give an event, or its pgh_id.")
    return max(-_BIGINT, min(position, _BIGINT - 1))


def of_models(
    given: object, events: models.QuerySet[Any, Any]
) -> tuple[type[models.Model] | None, Q]:
    """Return the model that ``given`` means, if there is one, with the condition that events are its.

    ``given`` is a model, a label of today or of former times, or a class of typed events. Of what is
    not tracked any more, ``events`` are asked whether it has some.

    Raises:
        QueryError: when nothing of that name is tracked, nor ever was.
    """
    model: Any = given
    if isinstance(given, str):
        model = model_labels.any_model(given)
        if model is None:
            of_label = Q(pgh_obj_model=given)
            if events.filter(of_label).exists():
                return None, of_label
            known = sorted({declaration.label for declaration in declarations.declarations()})
            raise QueryError(
                f'across() was given "{given}", which is no model. Tracked are'
                f" {', '.join(known) or 'no models'}."
            )
    if isinstance(model, type) and issubclass(model, models.Model):
        if (declaration := getattr(model, "pgh_declaration", None)) is not None:
            return concrete(declaration.tracked_model), of_declaration(declaration)
        condition = of_model(concrete(model))
        if not declarations.declarations_of(model) and not events.filter(condition).exists():
            refuse_untracked(model, "across")
        return concrete(model), condition
    raise QueryError(f"across() was given {given!r}. Give a model, its label or its event class.")


def refuse_untracked(model: type[models.Model], method: str) -> None:
    """Raise if the table of ``model`` is not tracked.

    Raises:
        QueryError: names the model.
    """
    if not declarations.declarations_of(model):
        raise QueryError(
            f"{method}() was given {model._meta.label}, which is not tracked, so it has no events."
            " Decorate it with pgaudit_log.track()."
        )


def of_declaration(declaration: Declaration) -> Q:
    """Return the condition that an event is of one ``track()`` of a model."""
    found = of_model(concrete(declaration.tracked_model))
    if others := declarations.labels_of_others(declaration):
        found &= ~Q(pgh_label__in=others)
    return found


def known_labels() -> set[str]:
    """Return the labels of all trackers, and those of baselines."""
    return {
        label
        for declaration in declarations.declarations()
        for label in declarations.event_labels(declaration)
    }
