"""Who looked at the log: one setting makes each page of it an event of access."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from pgaudit_log.models import AccessEvents, Events
from tests.shop.models import Order

pytestmark = pytest.mark.slow

TRAIL = "/admin/pgaudit_log/events/"
MIDDLEWARE = "pgaudit_log.middleware.AuditMiddleware"


def seen() -> list[tuple[Any, Any, Any]]:
    events = AccessEvents.objects.filter(pgh_label="page_view").order_by("pgh_id")
    data = [event.pgh_data or {} for event in events]
    return [(own.get("user_name"), own["url"], own.get("query")) for own in data]


@pytest.mark.parametrize("with_middleware", [True, False])
def test_who_looked_at_what_is_told(
    root: Client, order: Order, settings: Any, with_middleware: bool
) -> None:
    without = [name for name in settings.MIDDLEWARE if name != MIDDLEWARE]
    settings.MIDDLEWARE = [MIDDLEWARE, *without] if with_middleware else without
    event = Events.objects.latest("pgh_id").pk
    root.get(TRAIL, {"actor": "ana"})
    assert seen() == []
    settings.PGAUDIT_LOG_ADMIN_VIEWS = True
    settings.PGAUDIT_LOG_PAGE_VIEWS = ["/admin/*"]
    places = [f"{TRAIL}{event}/change/", f"/admin/shop/order/{order.pk}/audit/"]
    root.get(TRAIL, {"actor": "ana"})
    for place in places:
        root.get(place)
    root.get(TRAIL, {"model": "shop.Nothing"})
    root.get(f"{TRAIL}0/change/")
    told = [own for own in seen() if "i18n" not in own[1]]
    assert told == [("root", TRAIL, "actor=ana"), *(("root", place, None) for place in places)]
