"""Fixtures: who looks at the log, and an order with a story."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

import pgaudit_log
from tests.admin.browser import _static_files, chromium, shop, visit  # noqa: F401
from tests.admin.corpus import EVIL
from tests.shop.models import Customer, Order, OrderLine, Product
from tests.support import execute


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.admin.site"


@pytest.fixture
def root(db: None) -> Client:
    """The browser of a superuser."""
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def staff(db: None) -> Callable[..., Client]:
    """Returns the browser of a member of the staff who has some permissions."""

    def make(*permissions: str) -> Client:
        user = User.objects.create_user("support", is_staff=True)
        for name in permissions:
            app, codename = name.split(".")
            user.user_permissions.add(
                Permission.objects.get(content_type__app_label=app, codename=codename)
            )
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def order(db: None) -> Order:
    """An order that was made, changed by ana at a request, and got a line."""
    ana = User.objects.create_user("ana")
    customer = Customer.objects.create(name="Luís")
    product = Product.objects.create(sku="D-1", name="Distance", price=Decimal("0.99"))
    order = Order.objects.create(customer=customer, note="ring twice")
    with pgaudit_log.context(
        user=ana.pk, user_name="ana", method="POST", url="/orders/1/", reason="customer called"
    ):
        order.status = "paid"
        order.save()
    OrderLine.objects.create(order=order, product=product, quantity=2)
    return order


@pytest.fixture
def evil(order: Order, monkeypatch: pytest.MonkeyPatch) -> Order:
    """An order of which everything that anybody may write is an attack."""
    monkeypatch.setattr(Customer, "__str__", lambda self: self.name)
    monkeypatch.setattr(Order, "__str__", lambda self: f"order {self.note}")
    Customer.objects.update(name=EVIL)
    with pgaudit_log.context(
        user=EVIL,
        user_name=EVIL,
        on_behalf_of=EVIL,
        on_behalf_of_name=EVIL,
        reason=EVIL,
        method=EVIL,
        url=EVIL,
        **{EVIL: EVIL},
    ):
        Order.objects.update(note=EVIL, status=EVIL[:20])
        Product.objects.update(tags={EVIL: [EVIL, {"id": EVIL}]})
    with pgaudit_log.context(service=EVIL):
        Product.objects.update(tags=[EVIL], name=EVIL)
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, role, session, origin, shape)"
        " SELECT %s, %s, %s, 'M', jsonb_build_object(%s::text, %s::text), %s,"
        " jsonb_build_object('application', %s::text, 'address', %s::text), to_jsonb(%s::text), 0",
        [EVIL] * 9,
    )
    return order


@pytest.fixture
def page() -> Callable[..., str]:
    """Returns the HTML of a page, which must be there."""

    def get(client: Client, url: str, **query: Any) -> str:
        response = client.get(url, query)
        assert response.status_code == 200, response.content.decode()[:2000]
        return str(response.content.decode())

    return get


@pytest.fixture
def refused() -> Callable[..., str]:
    """Returns the HTML of a page that says what cannot be asked."""

    def get(client: Client, url: str, **query: Any) -> str:
        response = client.get(url, query)
        assert response.status_code == 400
        return str(response.content.decode())

    return get


@pytest.fixture
def url() -> Callable[..., str]:
    """Returns the address of an object's page in the admin."""

    def of(obj: Any, *parts: str) -> str:
        meta = obj._meta
        return "/".join(["/admin", meta.app_label, meta.model_name, str(obj.pk), *parts, ""])

    return of
