"""Events in Django's own admin, registered as any model is: it shows them, and refuses the rest."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core import serializers
from django.core.exceptions import ValidationError
from django.forms import model_to_dict
from django.test import Client
from django.urls import path
from django_filters.utils import get_all_model_fields

import pgaudit_log
from pgaudit_log.models import Events, MiddlewareEvents
from tests.shop.models import Customer, Order, OrderLine, Product, Stock

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

OrderEvent: Any = Order.pgh_event_model  # type: ignore[attr-defined]

site = admin.AdminSite()


class EveryOption(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("__str__", "pgh_label", "pgh_created_at", "pgh_data", "pgh_diff", "pgh_context")
    list_filter = ("pgh_label", "pgh_operation", "pgh_created_at")
    search_fields = ("pgh_label", "pgh_role", "=pgh_id")
    date_hierarchy = "pgh_created_at"
    ordering = ("-pgh_id",)


for model in (Events, MiddlewareEvents, OrderEvent):
    site.register(model, EveryOption if model is MiddlewareEvents else admin.ModelAdmin)
for model in (Customer, Order, OrderLine, Product, Stock):
    site.register(model)

urlpatterns = [path("admin/", site.urls)]

MODELS = [Events, MiddlewareEvents, OrderEvent]


@pytest.fixture
def browser() -> Client:
    root = User.objects.create_superuser("root")
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def event(customer: Customer) -> Any:
    with pgaudit_log.context(user=User.objects.create_user("ana").pk, url="/x/"):
        order = Order.objects.create(customer=customer, note="<b>")
        order.status = "paid"
        order.save()
    return OrderEvent.objects.latest("pgh_id")


def place(model: Any, *parts: Any) -> str:
    meta = model._meta
    return "/".join(["/admin", meta.app_label, meta.model_name, *map(str, parts), ""])


def the_page(response: Any) -> str:
    assert response.status_code == 200, response.content.decode()[:2000]
    return str(response.content.decode())


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("model", MODELS)
def test_events_are_listed_found_and_shown(browser: Client, event: Any, model: Any) -> None:
    assert f"/{event.pgh_id}/change/" in the_page(browser.get(place(model)))
    for query in ({"q": "update"}, {"o": "1"}, {"q": str(event.pgh_id)}, {"pgh_label": "update"}):
        the_page(browser.get(place(model), query, follow=True))
    shown = the_page(browser.get(place(model, event.pgh_id, "change")))
    assert "pgh_label" in shown
    the_page(browser.get(place(model, event.pgh_id, "history")))
    the_page(browser.get(place(model, "add")))


@pytest.mark.parametrize("model", MODELS)
def test_deleting_an_event_is_refused_politely(browser: Client, event: Any, model: Any) -> None:
    before = Events.objects.count()
    url = place(model, event.pgh_id, "delete")
    assert "protected" in the_page(browser.get(url))
    assert "protected" in the_page(browser.post(url, {"post": "yes"}))
    chosen = {"action": "delete_selected", "_selected_action": [event.pgh_id]}
    assert "protected" in the_page(browser.post(place(model), chosen))
    assert "protected" in the_page(browser.post(place(model), {**chosen, "post": "yes"}))
    assert Events.objects.count() == before


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("page", ["add", "change"])
def test_saving_an_event_is_refused_politely(
    browser: Client, event: Any, model: Any, page: str
) -> None:
    before = list(Events.objects.values())
    url = place(model, "add") if page == "add" else place(model, event.pgh_id, "change")
    form = browser.get(url).context["adminform"].form
    values = {
        form.add_prefix(name): "" if (value := form[name].value()) is None else value
        for name in form.fields
    }
    for name in ("pgh_created_at", "placed_at"):
        values |= {f"{name}_0": "2026-01-01", f"{name}_1": "12:00"}
    shown = the_page(browser.post(url, values))
    assert "append-only" in shown
    assert list(Events.objects.values()) == before


def test_tracked_objects_are_deleted_by_the_admin_as_ever(browser: Client, event: Any) -> None:
    order = Order.objects.get()
    url = place(Order, order.pk, "delete")
    shown = the_page(browser.get(url))
    assert not re.search("protected", shown)
    assert browser.post(url, {"post": "yes"}).status_code == 302
    assert not Order.objects.exists()
    chosen = {
        "action": "delete_selected",
        "_selected_action": [Customer.objects.get().pk],
        "post": "yes",
    }
    assert browser.post(place(Customer), chosen).status_code == 302
    assert not Customer.objects.exists()


@pytest.mark.parametrize("model", MODELS)
def test_what_protects_events_is_none_of_their_fields(event: Any, model: Any) -> None:
    found = model.objects.get(pk=event.pgh_id)
    names = {field.name for field in model._meta.fields}
    assert "pgh_protection" not in names | {*model_to_dict(found)}
    assert "pgh_protection" not in get_all_model_fields(model)
    assert "pgh_protection" not in serializers.serialize("json", [found])
    with pytest.raises(ValidationError, match="append-only"):
        found.full_clean(exclude=names)
