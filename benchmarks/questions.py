"""The questions that are asked of the trail, through the ORM, as a project would ask them."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncDay

from benchmarks.archive.models import MODELS
from benchmarks.shop.models import Customer
from benchmarks.stopwatch import measure
from benchmarks.year import USERS
from pgaudit_log.models import Events

Ask = Callable[[], Any]

_trail: Any = Events.objects
_chance = random.Random(1)


def plain_get() -> Ask:
    """A row of today by its primary key: what the machine and Django need at the least."""
    obj: Any = _object()
    return lambda: type(obj).objects.get(pk=obj.pk)


def newest_of_trail() -> Ask:
    """The first page of the trail, with diffs."""
    return lambda: with_diffs(_trail.newest()[:50])


def newest_of_model() -> Ask:
    """The first page of one model's typed events."""
    model: Any = _chance.choice(MODELS)
    return lambda: with_diffs(model.pgh_event_model.objects.newest()[:50])


def newest_of_model_in_trail() -> Ask:
    """The same in the trail."""
    model = _chance.choice(MODELS)
    return lambda: with_diffs(_trail.across(model).newest()[:50])


def newest_of_user() -> Ask:
    """What one user did last."""
    user = _chance.randrange(USERS) + 1
    return lambda: with_diffs(_trail.by(user).newest()[:50])


def one_object() -> Ask:
    """All events of one object, found in the trail."""
    obj = _object()
    return lambda: with_diffs(_trail.tracks(obj))


def one_object_typed() -> Ask:
    """All typed events of one object."""
    obj: Any = _object()
    return lambda: with_diffs(obj.events.all())


def references() -> Ask:
    """All events whose row pointed at one customer, in all models."""
    customer = Customer(pk=_chance.randrange(_count(Customer)) + 1)
    return lambda: with_diffs(_trail.references(customer))


def one_context() -> Ask:
    """All events of one context."""
    context = _event().pgh_context_id
    return lambda: with_diffs(_trail.in_context(context))


def one_transaction() -> Ask:
    """All events of one transaction."""
    transaction = _event().pgh_txid
    return lambda: with_diffs(_trail.in_transaction(transaction))


def one_object_as_of() -> Ask:
    """One object as it was at a moment."""
    obj: Any = _object()
    moment = _moment()
    return lambda: type(obj).objects.as_of(moment).get(pk=obj.pk)


def table_as_of() -> Ask:
    """All objects of one model as they were at a moment."""
    model: Any = _chance.choice(MODELS)
    moment = _moment()
    return lambda: list(model.objects.as_of(moment))


def events_per_day() -> Ask:
    """How many events there were, day by day."""
    days = _trail.annotate(day=TruncDay("pgh_created_at")).values("day")
    return lambda: list(days.annotate(count=Count("pgh_id")).order_by("day"))


def with_diffs(events: Iterable[Any]) -> list[Any]:
    """Load events and read their diffs."""
    return [event.pgh_diff for event in events]


def _object() -> Any:
    model: Any = _chance.choice(MODELS)
    return model.objects.get(pk=_chance.randrange(_count(model)) + 1)


def _event() -> Any:
    newest = _trail.newest()[0].pgh_id
    oldest = _trail.order_by("pgh_id")[0].pgh_id
    return _trail.get(pgh_id=_chance.randrange(oldest, newest + 1))


def _moment() -> Any:
    """Return a moment in the second half of the year: most objects are there by then."""
    newest = _trail.newest()[0].pgh_id
    oldest = _trail.order_by("pgh_id")[0].pgh_id
    position = _chance.randrange((oldest + newest) // 2, newest)
    return _trail.get(pgh_id=position).pgh_created_at


_counts: dict[Any, int] = {}


def _count(model: Any) -> int:
    if model not in _counts:
        _counts[model] = model.objects.count()
    return _counts[model]


QUESTIONS: dict[str, Callable[[], Ask]] = {
    question.__name__: question
    for question in (
        plain_get,
        newest_of_trail,
        newest_of_model,
        newest_of_model_in_trail,
        newest_of_user,
        one_object,
        one_object_typed,
        references,
        one_context,
        one_transaction,
        one_object_as_of,
        table_as_of,
        events_per_day,
    )
}


def ask(question: str, times: int) -> list[dict[str, float]]:
    """Ask a question of several objects, each once before it is measured; what each took."""
    _counts.clear()
    found = []
    for _ in range(times):
        work = QUESTIONS[question]()
        # Not between the two: to collect garbage empties the processor's caches.
        gc.collect()
        work()
        found.append(measure(work, collect=False).json())
    return found


def rows(question: str) -> int:
    """Return how many rows a question finds."""
    result = QUESTIONS[question]()()
    return len(result) if isinstance(result, list) else 1


TASKS: tuple[Any, ...] = (ask, rows)
