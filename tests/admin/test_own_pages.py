"""Timelines on a project's own pages: the tag and the view, with the admin and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.template import Context, Template, TemplateSyntaxError
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils.functional import SimpleLazyObject

from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.models import Events
from tests.admin import own_pages
from tests.shop.models import Customer, Order, OrderLine, Product, Untracked

SEES = ("pgaudit_log.view_events", "shop.view_order", "shop.view_orderline", "shop.view_customer")


@pytest.fixture(autouse=True)
def _own_pages(_site: None, settings: Any) -> None:
    settings.ROOT_URLCONF = own_pages.__name__


@pytest.fixture
def shown(db: None) -> Callable[..., str]:
    """Returns what the tag shows of an object to a user."""

    def render(obj: Any, user: Any, *, more: str = "", source: str | None = None) -> str:
        request = RequestFactory().get("/", {"before": "1", "field": "status"})
        request.user = user
        template = "{% load pgaudit_log %}" + (source or f"{{% audit_timeline obj {more} %}}")
        return str(Template(template).render(Context({"obj": obj, "request": request})))

    return render


def test_the_tag_shows_what_happened(
    order: Order, shown: Any, django_assert_num_queries: Any
) -> None:
    root = User.objects.create_superuser("root")
    html = shown(order, root)
    assert 'href="/static/pgaudit_log/admin.css"' in html and "customer called" in html
    assert "<del>" in html and "paid" in html and "D-1" in html
    # The parameters of the page are not the tag's, and it leads nowhere that is not said.
    assert html.count("<a ") == 0
    assert html.count('<li class="pgh-event') == 3
    few = shown(order, root, more="limit=1 parts=False styles=False more='/all/'")
    assert few.count('<li class="pgh-event') == 1 and "<link" not in few and "D-1" not in few
    assert '<a href="/all/">Whole timeline</a>' in few
    assert "paid" in shown(order, root, more="field='status'")
    assert "There is no such field" in shown(order, root, more="field='nothing'")
    # The page and that of its parts, the names of users, and each model that is pointed at.
    with django_assert_num_queries(3 + 2):
        shown(order, root)
    # An object that is lazy is what it stands for.
    assert "ring twice" in shown(SimpleLazyObject(lambda: order), root)


def test_the_tag_shows_nothing_to_others(order: Order, shown: Any, staff: Any) -> None:
    staff(*SEES)
    user = User.objects.get(username="support")
    html = shown(order, user)
    assert "paid" in html and "/orders/1/" not in html
    user.is_staff = False
    user.save()
    assert "paid" in shown(order, User.objects.get(pk=user.pk))
    for refused in SEES[:2]:
        user.user_permissions.remove(
            *user.user_permissions.filter(codename=refused.partition(".")[2])
        )
        assert shown(order, User.objects.get(pk=user.pk)).strip() == ""
    assert shown(order, AnonymousUser()).strip() == ""


@pytest.mark.parametrize("obj", [None, "", "unsaved"])
def test_of_nothing_the_tag_shows_nothing(obj: Any, shown: Any, admin_user: User) -> None:
    assert shown(Order() if obj == "unsaved" else obj, admin_user) == ""


def test_a_mistake_in_the_tag_is_told(order: Order, shown: Any, admin_user: User) -> None:
    for obj, more in ((order, "limit=0"), (order, "limit=1000"), (order, "limit='x'"), ("x", "")):
        with pytest.raises(TemplateSyntaxError, match="was given"):
            shown(obj, admin_user, more=more)
    with pytest.raises(DeclarationError, match="not tracked"):
        shown(Untracked.objects.create(), admin_user)
    with pytest.raises(TemplateSyntaxError, match="request"):
        Template("{% load pgaudit_log %}{% audit_timeline obj %}").render(Context({"obj": order}))


def test_the_tag_escapes_whatever_the_page_does(evil: Order, shown: Any, admin_user: User) -> None:
    source = (
        "{% autoescape off %}{% audit_timeline obj more=obj.note field='' %}{% endautoescape %}"
    )
    for obj in (evil, evil.customer, Product.objects.get()):
        html = shown(
            Order.objects.get(pk=obj.pk) if obj is evil else obj, admin_user, source=source
        )
        assert "alert(1)" in html and "<script" not in html and "<img" not in html


def test_what_is_hidden_in_the_admin_is_hidden_here(
    shown: Any, staff: Any, order: Order, settings: Any
) -> None:
    """By the permissions of each site's admins, by what they hide, by a setting and by masks."""
    staff(*SEES, "shop.view_product")
    user = User.objects.get(username="support")
    product = Product.objects.get()
    Product.objects.update(price=7654)
    assert "7,654" in shown(product, User.objects.create_superuser("root"))
    assert "7,654" not in shown(product, user) and "7654" not in shown(product, user)
    assert "ring twice" in shown(order, user)
    settings.PGAUDIT_LOG_HIDDEN_FIELDS = "tests.admin.own_pages.only_root_sees_notes"
    assert "ring twice" not in shown(order, user) and "paid" in shown(order, user)
    assert "There is no such field" in shown(order, user, more="field='note'")


def test_without_the_admin_the_permissions_of_models_count(
    shown: Any, staff: Any, order: Order, settings: Any
) -> None:
    staff(*SEES)
    user = User.objects.get(username="support")
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if name != "django.contrib.admin"
    ]
    html = shown(order, user)
    assert "paid" in html and 'class="pgh-card"' in html
    client = Client()
    client.force_login(user)
    page = client.get(f"/orders/{order.pk}/activity/")
    assert page.status_code == 200 and "paid" in page.content.decode()
    # What its inlines would be is not known; what is declared and automatic is.
    assert "D-1" not in html
    assert shown(Product.objects.get(), user).strip() == ""


def test_a_page_of_the_timeline(root: Client, order: Order, django_assert_num_queries: Any) -> None:
    url = f"/orders/{order.pk}/activity/"
    before = Events.objects.count()
    root.get(url)
    with django_assert_num_queries(2 + 1 + 3 + 2):  # session, user; the object; as the tag
        response = root.get(url)
    # What one person may see, no cache shows to another one.
    assert "private" in response["Cache-Control"] and "no-store" in response["Cache-Control"]
    html = response.content.decode()
    assert response.status_code == 200 and html.lstrip().startswith("<!DOCTYPE html>")
    assert "<script" not in html and " style=" not in html
    assert '<a class="pgh-chip" href="?field=status">status (1)</a>' in html
    assert "with what belongs to it" in html and "Compare" not in html
    assert response.context["object"] == order
    own = root.get(url, {"field": "status"}).content.decode()
    assert '<a class="pgh-chip" href="?" aria-current="true">' in own
    assert own.count('<li class="pgh-event') == 1 and "D-1" not in own
    for odd in ({"field": "x\x00'"}, {"before": "x" * 99}, {"after": "-1"}, {"parts": "9"}):
        assert root.get(url, odd).status_code == 200
    assert Events.objects.count() == before


def test_a_page_costs_the_same_however_many_events_there_are(root: Client, order: Order) -> None:
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            root.get(f"/orders/{order.pk}/activity/")
        counts.append(len(captured))
        for number in range(60):
            Order.objects.update(note=f"n{number}")
    assert counts[1] <= counts[0]


def test_pages_are_walked_through(root: Client, order: Order) -> None:
    url = f"/paid/{order.pk}/activity/"
    first = root.get(url, {"parts": "0"})
    assert first.context["older_url"] == ""
    Order.objects.update(note="third")
    first = root.get(url, {"parts": "0"})
    older = root.get(url + first.context["older_url"])
    assert [len(page.context["timeline"].page) for page in (first, older)] == [2, 1]
    assert older.context["newer_url"].startswith("?parts=0&after=")


def test_what_is_gone_is_shown_where_a_view_says_so(root: Client, order: Order) -> None:
    pk = order.pk
    order.delete()
    assert root.get(f"/orders/{pk}/activity/").status_code == 404
    html = root.get(f"/paid/{pk}/activity/").content.decode()
    assert "Deleted on" in html and f"order {pk}" in html.lower()


def test_what_a_queryset_leaves_out_is_not_found(root: Client, order: Order) -> None:
    Order.objects.update(status="secret")
    assert root.get(f"/paid/{order.pk}/activity/").status_code == 404
    for odd in ("x", "0", "9" * 40, "1'--", "%00", "-1"):
        assert root.get(f"/orders/{odd}/activity/").status_code == 404
        assert root.get(f"/paid/{odd}/activity/").status_code in (200, 404)
        assert root.get(f"/named/{odd}/").status_code == 404
    assert root.get("/named/Distance/").status_code == 200
    assert root.post(f"/orders/{order.pk}/activity/").status_code == 405
    with pytest.raises(DeclarationError, match="not tracked"):
        root.get(f"/untracked/{Untracked.objects.create().pk}/")


def test_a_view_may_say_otherwise_who_may_see_what(order: Order) -> None:
    """Customers have no permissions, and no admin lets them in: the view decides, of its model alone."""
    client = Client()
    client.force_login(User.objects.get(username="ana"))
    html = client.get(f"/own/{order.pk}/").content.decode()
    assert "paid" in html and "D-1" not in html and "/orders/1/" not in html
    assert client.get(f"/orders/{order.pk}/activity/").status_code == 403


@pytest.mark.django_db(databases=["default", "other"])
def test_an_object_of_another_database_has_its_events_there(shown: Any) -> None:
    root = User.objects.create_superuser("root")
    customer = Customer.objects.using("other").create(name="there")
    Customer.objects.using("other").update(name="elsewhere")
    assert "elsewhere" in shown(customer, root)
    assert shown(Customer(pk=customer.pk), root).count('<li class="pgh-event') == 0
    assert shown(Customer(pk="x"), root) == ""


def test_who_may_not_see_it_is_sent_to_log_in_or_refused(staff: Any, order: Order) -> None:
    url = f"/orders/{order.pk}/activity/"
    response = Client().get(url)
    assert response.status_code == 302 and response["Location"].endswith(f"?next={url}")
    client = staff("pgaudit_log.view_events")
    # Whether there is such an order is not told, either.
    assert {client.get(place).status_code for place in (url, "/orders/999/activity/")} == {403}


def test_an_admin_of_any_site_may_hide_an_object(
    root: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(admin.ModelAdmin):  # type: ignore[type-arg]
        def has_view_permission(self, request: Any, obj: Any = None) -> bool:
            return obj is None

    site = admin.AdminSite(name="closed")
    site.register(Order, Closed)
    assert root.get(f"/orders/{order.pk}/activity/").status_code == 403
    site.unregister(Order)
    assert root.get(f"/orders/{order.pk}/activity/").status_code == 200
    assert OrderLine.objects.exists()
