"""How the screens look elsewhere: under django-unfold, from right to left, on a project's own pages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin

from tests.admin import own_pages
from tests.admin.browser import faults_of, is_wider_than_the_window
from tests.shop.models import Order

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WINDOWS = ((1280, "light"), (375, "dark"))


def check(
    page: Any, url: str, context: str = "{include: [['.pgh-main']]}", windows: Any = WINDOWS
) -> None:
    """Look at a page wide and light, and narrow and dark."""
    for width, scheme in windows:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.goto(url)
        assert page.locator(".pgh-card").count() >= 1, url
        assert not is_wider_than_the_window(page), (url, width)
        assert faults_of(page, context) == [], (url, scheme)


@pytest.fixture
def _unfold(settings: Any) -> Iterator[None]:
    pytest.importorskip("unfold")
    usual = admin.site
    settings.INSTALLED_APPS = ["unfold", *settings.INSTALLED_APPS]
    settings.ROOT_URLCONF = "tests.admin.unfold_site"
    yield
    # It puts its own in the place of the default site.
    admin.site = admin.sites.site = usual
    sys.modules.pop("tests.admin.unfold_site", None)


@pytest.mark.usefixtures("_unfold")
def test_under_unfold_it_looks_right(visit: Any, shop: Order) -> None:
    Order.objects.update(status="paid", note="a long note, " * 40)
    page = visit(policy=False)
    page.goto(f"/admin/shop/order/{shop.pk}/change/")
    page.click("text=History")
    assert page.url.endswith("/history/") and "paid" in page.locator(".pgh-card").first.inner_text()
    screens = ("/admin/pgaudit_log/events/", f"/admin/shop/order/{shop.pk}/audit/")
    for url, window in zip(screens, WINDOWS, strict=True):
        check(page, url, windows=[window])
        assert page.locator(".pgh-title:visible").count() == 1
    assert page.problems == []


def test_from_right_to_left(visit: Any, shop: Order, settings: Any) -> None:
    settings.LANGUAGE_CODE = "ar"
    Order.objects.update(status="paid")
    page = visit()
    screens = ("/admin/pgaudit_log/events/", f"/admin/shop/order/{shop.pk}/audit/")
    for url, window in zip(screens, WINDOWS, strict=True):
        check(page, url, windows=[window])
        page.set_viewport_size({"width": 1280, "height": 900})
        event = page.locator(".pgh-event").first
        word, told = (event.locator(own).bounding_box() for own in (".pgh-op", ".pgh-told"))
        assert page.locator("html[dir=rtl]").count() == 1 and word["x"] > told["x"]
    assert page.problems == []


def test_on_a_page_of_the_project(visit: Any, shop: Order, settings: Any) -> None:
    Order.objects.update(status="paid", note="a long note, " * 40)
    page = visit()
    settings.ROOT_URLCONF = own_pages.__name__
    check(page, f"/orders/{shop.pk}/activity/", "document")
    page.click(".pgh-chip:has-text('status')")
    assert page.locator(".pgh-event").count() == 1
    assert page.problems == []


def test_with_the_keyboard_alone(visit: Any, shop: Order) -> None:
    """Whatever can be used is reached by Tab, in its order, and it can be seen where one is."""
    Order.objects.update(status="paid")
    page = visit()
    page.goto(f"/admin/shop/order/{shop.pk}/audit/")
    usable = "a[href], summary, button, input:not([type=radio]), input[type=radio]:checked"
    count = page.evaluate(
        f"[...document.querySelectorAll('.pgh-main :is({usable})')]"
        ".filter((one) => one.checkVisibility()).length"
    )
    page.evaluate("document.querySelector('.pgh-main').setAttribute('tabindex', '-1')")
    page.locator(".pgh-main").focus()
    seen = []
    for _ in range(count):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "(() => { const own = document.activeElement, style = getComputedStyle(own);"
                " return [own.matches('.pgh-main *'), style.outlineStyle !== 'none' || style.boxShadow !== 'none',"
                " own.outerHTML.slice(0, 80)]; })()"
            )
        )
    assert all(is_ours for is_ours, _, _ in seen), seen
    assert all(is_visible for _, is_visible, _ in seen), seen
    page.locator(".pgh-chip").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**?field=status")
    page.locator("#pgh-compare button").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/compare/**")
