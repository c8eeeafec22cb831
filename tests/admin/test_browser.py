"""The audit admin in a browser: what a person does with it, on every screen, by every light."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

import pgaudit_log
from pgaudit_log.models import Events
from tests.admin.browser import faults_of, is_wider_than_the_window
from tests.shop.models import Customer, Order, OrderLine, Product

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


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
    page.click(".pgh-filters .pgh-bar button")
    assert page.locator(".pgh-event").count() == 1
    # With JavaScript, the address has what was filled in and nothing else.
    assert page.url.endswith("?actor=root&model=shop.Order")
    page.select_option("select[name=changed]", "status")
    page.click(".pgh-filters .pgh-bar button")
    page.click(".pgh-count a")
    assert "Transaction" in page.title() and "order line" in page.content()
    assert page.problems == []


def test_one_walks_through_the_past_and_back(visit: Any, shop: Order) -> None:
    Order.objects.update(status="paid")
    Customer.objects.update(name="Luis Maria")
    page = visit(java_script_enabled=False)
    page.goto(f"/admin/shop/order/{shop.pk}/audit/")
    page.click("text=as of here >> nth=-1")
    assert "Just after event" in page.content() and "paid" not in page.inner_text(".pgh-main")
    page.click(".pgh-main td a >> nth=0")
    assert (
        page.inner_text(".pgh-main td >> nth=0") == "Luís" and "Just after event" in page.content()
    )
    page.fill("input[name=t]", "2001-01-01T00:00:00")
    page.click(".pgh-when-form button")
    assert "It did not exist yet." in page.content()
    page.click(".pgh-tabs a >> nth=0")
    assert "Luis Maria" in page.inner_text(".pgh-main") and page.problems == []


def test_the_link_of_a_page_is_copied_where_the_browser_lets_it(visit: Any, shop: Order) -> None:
    Order.objects.update(status="paid")
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/admin/pgaudit_log/events/?model=shop.Order")
    page.click("text=Copy link")
    page.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url and page.problems == []
    # What is compared at once is what happened last.
    page.goto(f"/admin/shop/order/{shop.pk}/audit/")
    page.click("text=Compare selected")
    assert "paid" in page.inner_text(".pgh-main tbody")
    page.click("text=Swap sides")
    head = page.inner_text(".pgh-main thead")
    assert head.index("now") < head.index("#")
    page = visit(java_script_enabled=False)
    page.goto("/admin/pgaudit_log/events/")
    assert not page.is_visible("text=Copy link")


def taken(page: Any, name: str) -> str:
    """Return the file that a button of the export gives."""
    with page.expect_download() as download:
        page.click(f".pgh-export button:has-text('{name}')")
    return Path(download.value.path()).read_text(encoding="utf-8")


def test_the_trail_is_filtered_by_user_and_field_and_taken_out(visit: Any, shop: Order) -> None:
    page = visit()
    with pgaudit_log.context(user=User.objects.get(username="root").pk, user_name="root"):
        Order.objects.update(status="paid")
    page.goto("/admin/pgaudit_log/events/")
    # A key after the other, as a person writes; whom it may mean is offered.
    page.locator("input[name=actor]").press_sequentially("ro")
    offered = page.locator("#pgh-users option")
    offered.first.wait_for(state="attached")
    page.fill("input[name=actor]", offered.first.get_attribute("value"))
    page.select_option("select[name=model]", label="order")
    page.click(".pgh-filters .pgh-bar button")
    page.select_option("select[name=changed]", "status")
    page.click(".pgh-filters .pgh-bar button")
    assert page.locator(".pgh-event").count() == 1 and page.locator(".pgh-chip").count() == 3
    lines = taken(page, "JSON Lines").splitlines()
    assert '"changes": {"status": ["new", "paid"]}' in lines[0] and lines[1] == '{"end": 1}'
    assert "\nend,1," in taken(page, "CSV")

    page.click("text=saved filters")
    page.fill("input[name=name]", "what root set")
    page.click(".pgh-filters button:has-text('Save')")
    saved = page.url
    page.click("text=what root set")
    assert page.locator(".pgh-event").count() == 1
    page.click("text=my changes")
    assert page.locator(".pgh-event").count() >= 1
    page.fill("input[name=q]", "status:paid")
    page.press("input[name=q]", "Enter")
    assert page.locator(".pgh-event").count() == 1
    page.fill("input[name=at]", "2020-01-01")
    page.click(".pgh-jump button")
    assert page.locator(".pgh-event").count() == 0
    page.click("text=Newer")
    assert page.locator(".pgh-event").count() >= 1
    page.goto(saved)
    page.click("text=Forget")
    assert "You have saved no filter" in page.content()
    assert page.problems == []


def test_who_may_not_see_prices_sees_finds_and_exports_none(visit: Any, shop: Order) -> None:
    Product.objects.update(price=77777)  # no part of an id or a time
    support = User.objects.create_user("support", password="secret", is_staff=True)
    names = ("view_events", "export_events", "view_product", "view_order")
    support.user_permissions.set(Permission.objects.filter(codename__in=names))
    page = visit("support")
    page.goto("/admin/pgaudit_log/events/?model=shop.Product")
    assert "Distance" in page.content()
    contents = [page.content(), taken(page, "CSV"), taken(page, "JSON Lines")]
    page.click(".pgh-object a >> nth=0")
    contents += [page.content(), taken(page, "CSV")]
    assert not any("77777" in text or "price" in text for text in contents)
    for query in (
        "q=77777.00",
        "q=%2277777%22",
        "q=price:77777",
        "model=shop.Product&changed=price",
    ):
        page.goto(f"/admin/pgaudit_log/events/?{query}")
        assert page.locator(".pgh-event").count() == 0, query


def test_all_of_it_works_without_javascript(visit: Any, shop: Order) -> None:
    Order.objects.update(status="paid")
    page = visit(java_script_enabled=False)
    page.goto("/admin/pgaudit_log/events/")
    page.select_option("select[name=model]", label="order")
    page.click(".pgh-filters .pgh-bar button")
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
    "/admin/pgaudit_log/events/?model=shop.Nothing&q=x",
    "/admin/pgaudit_log/events/saved/?model=shop.Order",
    "/admin/pgaudit_log/events/?layout=list",
    "/admin/pgaudit_log/events/status/",
    "/admin/pgaudit_log/events/{event}/change/",
    "/admin/pgaudit_log/events/transaction/{txid}/",
    "/admin/shop/order/{order}/audit/",
    "/admin/shop/order/{order}/audit/fields/",
    "/admin/shop/order/{order}/audit/compare/?a={event}&b=now&unchanged=1",
    "/admin/shop/order/{order}/audit/compare/",
    "/admin/shop/order/{order}/audit/undo/?event={event}",
    "/admin/pgaudit_log/events/transaction/{txid}/undo/",
    "/admin/shop/customer/audit/deleted/",
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
        assert not is_wider_than_the_window(page), (screen, width)
    refused = [text for text in page.problems if "400 (Bad Request)" not in text]
    assert refused == []


def test_no_screen_has_a_fault_that_axe_finds(visit: Any, shop: Order) -> None:
    Order.objects.update(status="paid", note="a long note, " * 40)
    event = Events.objects.filter(pgh_obj_model="shop.Order").latest("pgh_id")
    page = visit()
    for screen, scheme in product(SCREENS, ("light", "dark")):
        page.emulate_media(color_scheme=scheme)
        page.goto(screen.format(event=event.pk, txid=event.pgh_txid, order=shop.pk))
        # The links between the admin's own breadcrumbs have less contrast than it wants.
        faults = faults_of(page, "{exclude: [['.breadcrumbs']]}")
        assert faults == [], (screen, scheme)


def test_a_field_is_undone_after_a_later_edit_and_an_order_comes_back_with_its_lines(
    visit: Any, shop: Order
) -> None:
    """Without JavaScript, too."""
    with pgaudit_log.context(user=7, user_name="ana"):
        Order.objects.update(status="sent", note="twice")
    with pgaudit_log.context(user=8, user_name="bob"):
        Order.objects.update(status="lost")
    page = visit(java_script_enabled=False)
    page.goto(f"/admin/shop/order/{shop.pk}/audit/")
    page.locator(".pgh-event", has_text="sent").last.locator("text=Undo this change").click()
    assert "Changed again by bob" in page.content()
    assert not page.is_checked("[name=field][value=status]")
    assert page.is_checked("[name=field][value=note]")
    page.fill("#id_reason", "that was the other order")
    page.click(".pgh-confirm")
    shop.refresh_from_db()
    assert (shop.status, shop.note) == ("lost", "ring twice")
    undone = page.locator(".pgh-event", has=page.locator("text=Reverted by root"))
    assert "1 object was changed" in page.content() and "twice" in undone.inner_text()
    undone.locator("text=Reverted by root").click()
    assert "that was the other order" in page.content()
    page.click("header >> text=event")
    assert "Reverted by root" in page.content()

    page.goto(f"/admin/shop/order/{shop.pk}/delete/")
    page.click("#content input[type=submit]")
    page.goto("/admin/shop/order/")
    page.click(".object-tools >> text=Deleted")
    page.click("td >> text=Restore…")
    assert page.locator(".pgh-plan .pgh-event").count() == 2
    page.fill("#id_reason", "still needed")
    page.click(".pgh-confirm")
    assert "Restored by root" in page.content()
    assert Order.objects.get().note == "ring twice" and OrderLine.objects.count() == 1
