"""What an event's JSON is read as goes wherever JSON goes, to the last digit."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.http import JsonResponse
from django.test import Client, override_settings
from django.urls import path

import pgaudit_log
from pgaudit_log.models import Events, MiddlewareEvents
from tests.shop.models import Product

pytestmark = pytest.mark.django_db

PRICE = Decimal("12345678.90")
MANY = "12345678901234567890.1234567890"


@pytest.fixture
def product(db: None) -> Product:
    made: Product = Product.objects.create(name="Pen", price=Decimal("1.50"))
    made.price = PRICE
    with pgaudit_log.context(amount=1.5):
        made.save()
    return made


@pytest.fixture(params=["typed", "trail", "proxy"])
def event(request: Any, product: Product) -> Any:
    if request.param == "typed":
        return product.events.latest("pgh_id")
    kind = Events if request.param == "trail" else MiddlewareEvents
    return kind.objects.latest("pgh_id")


@pytest.mark.parametrize("name", ["pgh_data", "pgh_diff"])
@pytest.mark.parametrize("encoder", [json.JSONEncoder, DjangoJSONEncoder])
def test_json_is_made_of_it(name: str, encoder: Any, event: Any) -> None:
    written = json.dumps(getattr(event, name), cls=encoder)
    assert '"12345678.90"' in written
    assert b'"12345678.90"' in JsonResponse(getattr(event, name)).content


def test_it_is_still_a_number(event: Any) -> None:
    assert event.pgh_diff["price"] == [Decimal("1.50"), PRICE]
    assert event.pgh_data["price"] + 1 == PRICE + 1
    assert str(event.pgh_data["price"]) == "12345678.90"


def test_a_form_shows_the_number_and_takes_it_back(event: Any) -> None:
    form_class = forms.modelform_factory(
        type(event), fields=["pgh_data", "pgh_diff", "pgh_context"]
    )
    form = form_class(instance=event)
    assert "&quot;price&quot;: 12345678.90" in str(form["pgh_data"])
    sent = {name: form[name].value() for name in form.fields}
    assert form_class(sent, instance=event).changed_data == []


def test_rest_framework_serializes_it(event: Any) -> None:
    from rest_framework import serializers
    from rest_framework.renderers import JSONRenderer

    class EventSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]
        class Meta:
            model = type(event)
            fields = ["pgh_data", "pgh_diff", "pgh_context"]

    assert b'"12345678.90"' in JSONRenderer().render(EventSerializer(event).data)
    assert json.dumps(EventSerializer(event).data)


def test_csv_has_the_digits(event: Any) -> None:
    file = io.StringIO()
    csv.writer(file).writerow([event.pgh_data["price"], json.dumps(event.pgh_diff)])
    assert file.getvalue().startswith("12345678.90,")


@pytest.mark.parametrize(
    "lookup",
    [
        {"pgh_data__price": PRICE},
        {"pgh_data__price__gt": Decimal("12345678.89")},
        {"pgh_data__contains": {"price": PRICE}},
        {"pgh_diff__price": [Decimal("1.5"), PRICE]},
        {"pgh_context__amount": Decimal("1.50")},
    ],
)
def test_a_filter_takes_decimals(lookup: dict[str, Any], event: Any) -> None:
    assert type(event).objects.filter(**lookup).get() == event


def test_a_filter_takes_what_an_event_gave(event: Any) -> None:
    found = type(event).objects.filter(pgh_data__price=event.pgh_data["price"])
    assert found.get() == event
    assert type(event).objects.filter(pgh_diff=event.pgh_diff).get() == event


@pytest.mark.parametrize("number", ["9" * 400 + ".5", "1" * 5000, "1e400", MANY])
@pytest.mark.parametrize("name", ["pgh_data", "pgh_context"])
def test_what_python_cannot_read_is_json_again(number: str, name: str) -> None:
    field: Any = Events._meta.get_field(name)
    value = field.from_db_value(f'{{"a": [{number}]}}', None, None)
    written = json.dumps(value)
    assert Decimal(json.loads(written)["a"][0]) == Decimal(number) or name == "pgh_context"


def test_an_admin_page_shows_it(product: Product) -> None:
    class EventAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
        list_display = ["pgh_id", "pgh_diff", "pgh_data"]

        def has_change_permission(self, *args: Any) -> bool:
            return self.may_change

        may_change = True

    site = admin.AdminSite(name="admin")
    site.register(Events, EventAdmin)

    class Urls:
        urlpatterns = [path("admin/", site.urls)]

    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    event = Events.objects.filter(pgh_obj_model="shop.Product").latest("pgh_id")
    with override_settings(ROOT_URLCONF=Urls):
        for EventAdmin.may_change in (True, False):
            for page in ("", f"{event.pk}/change/"):
                response = client.get(f"/admin/pgaudit_log/events/{page}")
                assert "12345678.90" in response.content.decode()
