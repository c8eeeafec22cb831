"""What takes the audit admin away: settings read as the admin is discovered, and sites of one's own."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite, ModelAdmin

import pgaudit_log.admin
from pgaudit_log.admin import history_hooks
from pgaudit_log.admin.links import AdminLinks
from pgaudit_log.models import Events
from tests.admin.forms import Form
from tests.shop.models import Order


@pytest.fixture
def discovered() -> Any:
    """Returns whether the trail is registered after the admin has been discovered anew."""

    def again() -> bool:
        if admin.site.is_registered(Events):
            admin.site.unregister(Events)
        importlib.reload(pgaudit_log.admin)
        return admin.site.is_registered(Events)

    yield again
    if not admin.site.is_registered(Events):
        admin.site.register(Events, pgaudit_log.admin.EventsAdmin)


def test_a_setting_takes_the_trail_out_of_the_index(discovered: Any, settings: Any) -> None:
    assert discovered()
    settings.PGAUDIT_LOG_ADMIN_TRAIL = False
    assert not discovered()


def test_a_project_that_registers_the_trail_itself_keeps_its_own(discovered: Any) -> None:
    class Own(pgaudit_log.admin.EventsAdmin):
        pass

    discovered()
    admin.site.unregister(Events)
    admin.site.register(Events, Own)
    importlib.reload(pgaudit_log.admin)
    assert isinstance(admin.site.get_model_admin(Events), Own)
    admin.site.unregister(Events)


def test_the_admin_is_wrapped_once() -> None:
    wrapped = ModelAdmin.history_view
    history_hooks.install()
    assert ModelAdmin.history_view is wrapped


@pytest.mark.parametrize("method", ["get_urls", "history_view", "changelist_view"])
def test_what_is_wrapped_is_what_django_has(method: str) -> None:
    own = getattr(ModelAdmin, method)
    original = own.__wrapped__
    assert original.__module__ == "django.contrib.admin.options"
    assert own.__name__ == original.__name__ == method


def test_a_site_without_the_trail_has_no_links_to_it(
    root: Any, order: Order, settings: Any
) -> None:
    settings.ROOT_URLCONF = "tests.admin.test_switches"
    response = root.get(f"/alone/shop/order/{order.pk}/history/")
    html = response.content.decode()
    assert response.status_code == 200 and "paid" in html
    assert "pgaudit_log/events" not in html
    assert AdminLinks(alone).trail() == AdminLinks(alone).event(1) == ""
    listed = root.get("/alone/shop/order/").content.decode()
    assert "pgaudit_log/events" not in listed and "/alone/shop/order/audit/deleted/" in listed
    event = Events.objects.filter(pgh_obj_model="shop.Order").latest("pgh_id")
    place = f"/alone/shop/order/{order.pk}/audit/undo/?event={event.pk}"
    assert place in html
    undone = Form(root.get(place).content.decode()).send(root, place, reason="r")
    assert undone.status_code == 302 and undone.url == f"/alone/shop/order/{order.pk}/audit/"
    html = root.get(undone.url).content.decode()
    assert "Reverted by root" in html and "pgaudit_log/events" not in html


alone = AdminSite(name="alone")
alone.register(Order)


def _urlpatterns() -> Any:
    from django.urls import path

    return [path("alone/", alone.urls)]


urlpatterns = _urlpatterns()
