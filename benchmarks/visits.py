"""Visits to the screens of an admin: what each asks the database, and what the answers took there."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import RequestFactory
from django.urls import resolve

from benchmarks import variants
from benchmarks.company.models import MODELS
from benchmarks.company_filling import BUSY_MODEL, BUSY_OBJECT
from benchmarks.stopwatch import measure

_places: dict[str, str] = {}


def visit(screen: str, times: int) -> list[dict[str, float]]:
    """Visit a screen once, then this many times; return what each took.

    The person is known without a session: what is measured is the screen's own.
    """
    place = _place(screen)
    user = get_user_model().objects.get(is_superuser=True)
    factory = RequestFactory()
    asked: list[float] = []

    def timed(execute: Callable[..., Any], *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            asked.append(time.perf_counter() - started)

    def work() -> None:
        request = factory.get(place)
        request.user = user
        request.resolver_match = match = resolve(request.path_info)
        response: Any = match.func(request, *match.args, **match.kwargs)
        if hasattr(response, "render"):
            response.render()
        if response.status_code != 200:
            raise AssertionError(f"{place} answered {response.status_code}.")

    found = []
    with connection.execute_wrapper(timed):
        for number in range(times + 1):
            asked.clear()
            gc.collect()
            taken = measure(work, collect=False).json()
            if number:
                found.append({**taken, "queries": len(asked), "asked": sum(asked) * 1e6})
    return found


def plans(screen: str) -> list[str]:
    """Return the statements of a screen, each with its plan and the time it took."""
    place, user = _place(screen), get_user_model().objects.get(is_superuser=True)
    statements: list[tuple[str, Any]] = []

    def noted(execute: Callable[..., Any], sql: str, params: Any, *rest: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, *rest)

    request = RequestFactory().get(place)
    request.user = user
    request.resolver_match = match = resolve(request.path_info)
    with connection.execute_wrapper(noted):
        response: Any = match.func(request, *match.args, **match.kwargs)
        if hasattr(response, "render"):
            response.render()
    found = []
    for sql, params in statements:
        if not sql.lstrip().startswith(("SELECT", "WITH")):
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", params)
            found.append("\n".join([sql, *(line for (line,) in cursor.fetchall())]))
    return found


def _place(screen: str) -> str:
    """Return the address of a screen; those of events are looked up once."""
    if not _places:
        get_user_model().objects.get_or_create(username="root", is_staff=True, is_superuser=True)
        _places.update(_PLACES[settings.VARIANT]())
    return _places[screen]


def _ours() -> dict[str, str]:
    from pgaudit_log.models import Events

    trail, model = "/admin/pgaudit_log/events/", MODELS[BUSY_MODEL]
    events: Any = Events.objects
    large = events.filter(pgh_context__contains={"command": "reprice"})
    first, last = (large.order_by(order)[0] for order in ("pgh_id", "-pgh_id"))
    inside = (first.pgh_id + last.pgh_id) // 2
    own = list(
        events.across(model)
        .filter(pgh_obj_id=str(BUSY_OBJECT))
        .order_by("-pgh_id")
        .values_list("pgh_id", flat=True)[:3_000:100]
    )
    busy = f"{trail}object/{model._meta.label}/{BUSY_OBJECT}/"
    label = MODELS[100]._meta.label
    # Whom nobody knows the trail refuses to look for.
    without, _made = get_user_model().objects.get_or_create(username="without events")

    def asked(**query: Any) -> str:
        return f"{trail}?{urlencode(query, doseq=True)}"

    return {
        "trail": trail,
        "trail, all the time": asked(period="all"),
        "trail, as a list": asked(layout="list"),
        "trail, within the large transaction": asked(period="all", before=inside),
        "trail, the large transaction's end": asked(period="all", before=last.pgh_id + 20),
        "one model": asked(model=label, period="all"),
        "the busy user": asked(actor=1, period="all"),
        "another user": asked(actor=321, period="all"),
        "a user without events": asked(actor=without.pk, period="all"),
        "deletions of a month": asked(operation="D", period="month"),
        "a field of a model": asked(model=label, changed="status", period="all"),
        "a field's new value": asked(
            model=label, changed="status", changed_to="status 5", period="all"
        ),
        "a value that never was": asked(
            model=label, changed="status", changed_to="never", period="all"
        ),
        "one object": asked(model=label, object=100),
        "one transaction": asked(transaction=first.pgh_txid),
        "timeline": busy,
        "timeline, in its midst": f"{busy}?before={own[15]}",
        "timeline of a field": f"{busy}?field=status",
        "timeline of a field that never changed": f"{busy}?field=note",
        "comparison": f"{busy}compare/?a={own[10]}&b={own[5]}",
        "comparison with now": f"{busy}compare/?a={own[10]}&b=now",
        "transaction": f"{trail}transaction/{first.pgh_txid}/",
        "transaction, in its midst": f"{trail}transaction/{first.pgh_txid}/?after={inside}",
        "context of the large transaction": f"{trail}context/{first.pgh_context_id}/",
        "one event": f"{trail}{own[3]}/change/",
    }


def _auditlog() -> dict[str, str]:
    trail = "/admin/auditlog/logentry/"
    type = ContentType.objects.get_for_model(MODELS[100])
    return {
        "trail": trail,
        "second page": f"{trail}?p=2",
        "last page": f"{trail}?p=1000",
        "one model": f"{trail}?resource_type={type.pk}",
        "the busy user": f"{trail}?q=user1",
        "search": f"{trail}?q=never",
    }


def _easy_audit() -> dict[str, str]:
    trail = "/admin/easyaudit/crudevent/"
    type = ContentType.objects.get_for_model(MODELS[100])
    return {
        "trail": trail,
        "second page": f"{trail}?p=2",
        "last page": f"{trail}?p=1000",
        "one model": f"{trail}?content_type__id__exact={type.pk}",
        "the busy user": f"{trail}?user__id__exact=1",
        "search": f"{trail}?q=never",
    }


_PLACES = {
    variants.ADMIN: _ours,
    variants.ADMIN_AUDITLOG: _auditlog,
    variants.ADMIN_EASY_AUDIT: _easy_audit,
}

TASKS = (visit, plans)
