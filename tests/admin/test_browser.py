"""The audit admin in a browser: what a person does with it, on every screen, by every light."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import django.contrib.admin
import pytest
from django.contrib.auth.models import User

import pgaudit_log
from pgaudit_log.models import Events
from tests.shop.models import Customer, Order, OrderLine, Product

playwright_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python")

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

POLICY = "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:"


class StrictPolicy:
    """Answers with a Content-Security-Policy that allows nothing inline and nothing from elsewhere."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        response = self.get_response(request)
        if "/pgaudit_log/" in request.path or "/audit/" in request.path:
            response["Content-Security-Policy"] = POLICY
        return response


@pytest.fixture(scope="module")
def chromium(django_db_setup: None) -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path is not None, "Install Chromium: apt-get install chromium"
    with (
        pytest.MonkeyPatch.context() as environment,
        playwright_api.sync_playwright() as playwright,
    ):
        # Its loop runs in the thread of the tests, which ask the database there, too.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def _static_files(settings: Any, tmp_path: Path) -> None:
    """Put the files of the admin and of the package where the live server serves them from."""
    for module in (django.contrib.admin, pgaudit_log):
        for folder in (Path(module.__file__ or "").parent / "static").iterdir():
            (tmp_path / folder.name).symlink_to(folder)
    settings.STATIC_ROOT = str(tmp_path)


@pytest.fixture
def visit(
    chromium: Any, _static_files: None, live_server: Any, settings: Any
) -> Iterator[Callable[..., Any]]:
    """Returns a page of somebody who has logged in, with whatever went wrong in it."""
    settings.MIDDLEWARE = [f"{__name__}.StrictPolicy", *settings.MIDDLEWARE]
    User.objects.create_superuser("root", password="secret")
    opened: list[Any] = []

    def open_page(**options: Any) -> Any:
        context = chromium.new_context(base_url=live_server.url, **options)
        opened.append(context)
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on(
            "console",
            lambda said: (
                page.problems.append(said.text)
                if said.type == "error" and "favicon" not in said.location["url"]
                else None
            ),
        )
        page.goto("/admin/login/")
        page.fill("#id_username", "root")
        page.fill("#id_password", "secret")
        page.click("[type=submit]")
        return page

    yield open_page
    for context in opened:
        context.close()


@pytest.fixture
def shop() -> Order:
    customer = Customer.objects.create(name="Luís")
    product = Product.objects.create(sku="D-1", name="Distance", price=1)
    order = Order.objects.create(customer=customer, note="ring twice")
    OrderLine.objects.create(order=order, product=product, quantity=1)
    return order


def test_an_order_is_changed_and_its_story_read(visit: Any, shop: Order) -> None:
    page = visit()
    page.goto(f"/admin/shop/order/{shop.pk}/change/")
    page.fill("#id_status", "paid")
    page.fill("#id_orderline_set-0-quantity, #id_lines-0-quantity", "3")
    page.click("input[name=_continue]")
    page.click("text=History")
    assert page.locator(".pgh-card").count() == 3
    first = page.locator(".pgh-card").first
    assert "root" in first.inner_text()
    assert first.locator("del").all_inner_texts() and "paid" in first.inner_text()
    assert "+2" in first.inner_text()

    page.click(".pgh-chip:has-text('status')")
    assert page.locator(".pgh-event").count() == 1
    page.click(".pgh-chip[aria-current]")

    page.locator("input[name=a]").last.check()
    page.click("text=Compare selected")
    row = page.locator("tr", has_text="status").first.inner_text()
    assert "new" in row and "paid" in row and "ring twice" not in page.content()
    page.click("text=Show what did not change")
    assert "ring twice" in page.content()

    page.goto("/admin/pgaudit_log/events/")
    page.fill("input[name=actor]", "root")
    page.select_option("select[name=model]", label="order")
    page.click(".pgh-filters button")
    assert page.locator(".pgh-event").count() == 1
    # With JavaScript, the address has what was filled in and nothing else.
    assert page.url.endswith("?actor=root&model=shop.Order")
    page.select_option("select[name=changed]", "status")
    page.click(".pgh-filters button")
    page.click(".pgh-count a")
    assert "Transaction" in page.title() and "order line" in page.content()
    assert page.problems == []


def test_all_of_it_works_without_javascript(visit: Any, shop: Order) -> None:
    Order.objects.update(status="paid")
    page = visit(java_script_enabled=False)
    page.goto("/admin/pgaudit_log/events/")
    page.select_option("select[name=model]", label="order")
    page.click(".pgh-filters button")
    page.click(".pgh-object a >> nth=0")
    page.locator("input[name=a]").last.check()
    page.click("text=Compare selected")
    assert "paid" in page.content() and "Two states" in page.content()


def test_cards_are_walked_through_with_the_keyboard(visit: Any, shop: Order) -> None:
    page = visit()
    page.goto("/admin/pgaudit_log/events/?model=shop.Order")
    page.keyboard.press("j")
    card = page.locator(".pgh-card:focus")
    assert card.count() == 1
    folded = card.locator("details")
    assert folded.count() and folded.first.get_attribute("open") is None
    page.keyboard.press("x")
    assert folded.first.get_attribute("open") is not None


SCREENS = (
    "/admin/pgaudit_log/events/",
    "/admin/pgaudit_log/events/?model=shop.Nothing",
    "/admin/pgaudit_log/events/?layout=list",
    "/admin/pgaudit_log/events/status/",
    "/admin/pgaudit_log/events/{event}/change/",
    "/admin/pgaudit_log/events/transaction/{txid}/",
    "/admin/shop/order/{order}/audit/",
    "/admin/shop/order/{order}/audit/fields/",
    "/admin/shop/order/{order}/audit/compare/?a={event}&b=now&unchanged=1",
    "/admin/shop/order/{order}/audit/compare/",
    "/admin/shop/order/{order}/audit/at/?event={event}",
    "/admin/shop/order/{order}/audit/at/?t=2001-01-01",
)


def test_no_screen_is_wider_than_the_window_or_breaks_the_policy(visit: Any, shop: Order) -> None:
    Order.objects.update(note="a long note, " * 40 + "x" * 300)
    event = Events.objects.filter(pgh_obj_model="shop.Order").latest("pgh_id")
    page = visit()
    for screen, width in product(SCREENS, (375, 800, 1280)):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(screen.format(event=event.pk, txid=event.pgh_txid, order=shop.pk))
        assert page.locator(".pgh-main").count() == 1, screen
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        assert not wide, (screen, width)
    refused = [text for text in page.problems if "400 (Bad Request)" not in text]
    assert refused == []


def test_no_screen_has_a_fault_that_axe_finds(visit: Any, shop: Order) -> None:
    Order.objects.update(status="paid", note="a long note, " * 40)
    event = Events.objects.filter(pgh_obj_model="shop.Order").latest("pgh_id")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    page = visit()
    for screen, scheme in product(SCREENS, ("light", "dark")):
        page.emulate_media(color_scheme=scheme)
        page.goto(screen.format(event=event.pk, txid=event.pgh_txid, order=shop.pk))
        page.evaluate(script)
        # The links between the admin's own breadcrumbs have less contrast than it wants.
        found = page.evaluate("axe.run({exclude: [['.breadcrumbs']]})")
        faults = [
            (one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]
        ]
        assert faults == [], (screen, scheme)
