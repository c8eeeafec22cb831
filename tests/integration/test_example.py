"""The example project: the demo shows each kind of change, twice in a row, and the site shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from tests.projects import Project, project

CLIENT = """
from django.test import Client

browser = Client(SERVER_NAME="localhost")
"""


@dataclass(frozen=True)
class Demo:
    """The project, and what the demo printed the first and the second time."""

    shop: Project
    printed: tuple[str, str]

    def page(self, path: str) -> str:
        """Return the HTML of a page of the site."""
        return self.shop.shell(f"{CLIENT}print(browser.get({path!r}).content.decode())")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with project(tmp_path_factory.mktemp("example")) as shop:
        shop.environment |= {
            "DATABASE_URL": shop.environment["PROJECT_DATABASE_URL"],
            "DJANGO_SETTINGS_MODULE": "example_project.settings",
            "COLUMNS": "120",
            "PYTHONUTF8": "1",
        }
        yield Demo(shop, (shop.manage("demo"), shop.manage("demo")))


@pytest.fixture(params=[0, 1], ids=["first", "again"])
def printed(request: pytest.FixtureRequest, demo: Demo) -> str:
    return demo.printed[request.param]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("heading", "entry"),
    [
        ("ORM:", r"anna +order \d+ +update +status: new → paid"),
        ("ORM:", r"anna +order line \d+ +insert +price: \d\.\d9"),
        ("Bulk:", r"command raise_prices +product \d+ +update +price: \d\.\d9 → \d\.\d9"),
        ("Raw SQL:", r"anna +order line \d+ +update +quantity: 1 → 2"),
        ("Raw SQL without a context:", r"role \w+ +order \d+ +update +note: nothing → gift wrap"),
        (
            "Request",
            r"anna +order (\d+) +update +status: paid → shipped *\n +POST /orders/\1/ship/",
        ),
        ('Request: the clerk presses "Cancel"', r"anna +order line \d+ +delete"),
        (
            'Request: the clerk presses "Cancel"',
            r"anna +order \d+ +update +status: shipped → cancelled",
        ),
        ("Undo:", r"anna +order \d+ +update +status: cancelled → shipped"),
        ("Undo:", r"anna +order line \d+ +insert +price: \d\.\d9"),
        ("Restore:", r"anna +order \d+ +insert +note: gift wrap"),
        ("Restore:", r"anna +order line \d+ +insert +price: \d\.\d9"),
        ("Deletion: an order was entered twice", r"anna +order line \d+ +delete"),
        ("Deletion: an order was entered twice", r"anna +order \d+ +delete +status: new"),
        (
            "Django's own User and Group:",
            r"admin +user-group relationship \d+ +insert *\n +\w+ +anna, Stocktaking",
        ),
        (
            "Django's own User and Group:",
            r"admin +user \d+ +update +is_staff: (True|False) → (True|False)",
        ),
        ("Django's own User and Group:", r"admin +user-group relationship \d+ +delete"),
        ("Django's own User and Group:", r"admin +group \d+ +delete *\n +\w+ +Stocktaking"),
    ],
)
def test_demo_prints_who_changed_what(printed: str, heading: str, entry: str) -> None:
    section = printed.partition(f"\n{heading}")[2].partition("\n\n")[0]
    assert re.search(r"^\d\d:\d\d:\d\d +" + entry, section, re.M), printed


@pytest.mark.slow
@pytest.mark.everywhere
def test_demo_loads_real_data_once(demo: Demo) -> None:
    first, again = demo.printed
    assert "59 customers, 3,503 products, 412 orders, 2,240 order lines" in first
    assert "That left 6,214 events." in first
    assert "Loading left 6,214 events." in again


def test_demo_shows_what_is_different_about_the_order(printed: str) -> None:
    section = printed.partition("\nDiff:")[2].partition("\n\n")[0]
    assert re.search(r"^status +New → Shipped", section, re.M)
    assert re.search(r'^note +"" → gift wrap', section, re.M)


def test_demo_shows_the_shop_as_it_was_loaded(printed: str) -> None:
    section = printed.partition("\nAs of:")[2].partition("\n\n")[0]
    assert re.search(r"^Distance +price: 0\.99, now 1\.[01]9", section, re.M)
    # The data have the invoices' totals themselves.
    found = re.search(r"^All orders: ([\d.]+)\. The data's own invoices: ([\d.]+)\.", section, re.M)
    assert found is not None and Decimal(found[1]) == Decimal(found[2]) == Decimal("2328.60")


def test_demo_brings_the_order_and_its_lines_back(demo: Demo) -> None:
    html = demo.page("/orders/413/")
    assert "This order is deleted." not in html
    # As it was taken, as the cancelling was undone, and as the deletion was.
    assert html.count("<td>insert") == 3 + 2 + 3


def test_demo_says_how_to_open_the_site(printed: str) -> None:
    assert re.search(r"python3 .*example_project/run.py'? runserver", printed)
    assert "http://127.0.0.1:8000/" in printed
    assert "user admin, password admin" in printed


def test_front_page_shows_orders_and_events(demo: Demo) -> None:
    html = demo.page("/")
    assert '<a href="/orders/413/">order 413</a>' in html
    assert re.search(r"is_staff: True → False", html)


@pytest.mark.slow
@pytest.mark.everywhere
def test_order_page_shows_its_events(demo: Demo) -> None:
    html = demo.page("/orders/413/")
    assert "Luís Gonçalves" in html
    assert "<td>anna<small>POST /orders/413/ship/</small>" in html
    assert "status: paid → shipped" in html


def test_page_of_a_deleted_order_shows_its_events(demo: Demo) -> None:
    html = demo.page("/orders/414/")
    assert "This order is deleted." in html
    assert html.count("<td>delete") == 3


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Audit trail", "changed", "raise_prices", "Compare selected"]),
        (
            "de",
            ["Änderungsprotokoll", "geändert", "raise_prices", "Auswahl vergleichen"]
            + ["Bestellung 413", "Position", "Bezahlt", "Versandt"],
        ),
    ],
)
def test_the_admin_shows_the_story_in_the_language_of_the_browser(
    demo: Demo, language: str, words: list[str]
) -> None:
    html = demo.shop.shell(
        CLIENT
        + f"""
browser.login(username="admin", password="admin")
for place in ("pgaudit_log/events/", "shop/order/413/history/", "shop/order/414/audit/"):
    response = browser.get(f"/admin/{{place}}", headers={{"accept-language": "{language}"}})
    assert response.status_code == 200
    print(response.content.decode())
"""
    )
    for word in [*words, "anna", "Luís Gonçalves", "POST /orders/413/ship/", "gift wrap"]:
        assert word in html


@pytest.mark.slow
@pytest.mark.everywhere
def test_the_site_shows_it_on_its_own_pages_and_as_json(demo: Demo) -> None:
    html = demo.shop.shell(
        CLIENT
        + """
assert browser.get("/api/audit/events/").status_code == 403
browser.login(username="admin", password="admin")
response = browser.get("/orders/413/activity/")
print(response.content.decode())
response = browser.get("/api/audit/timelines/shop.Order/413/", {"parts": 0})
[*rest, first] = response.json()["results"]
print("API:", first["who"], first["reason"], first["changes"][0])
assert "text/html" in browser.get("/api/audit/events/", headers={"accept": "text/html"})["Content-Type"]
"""
    )
    assert "– Record shop</title>" in html and "pgaudit_log/admin.css" in html
    assert "API: anna order by phone {" in html


@pytest.mark.slow
@pytest.mark.everywhere
def test_shipping_on_the_site_is_captured(demo: Demo) -> None:
    demo.shop.shell(
        CLIENT
        + """
from django.contrib.auth.models import User
browser.post("/orders/411/ship/")
browser.login(username="admin", password="admin")
browser.post("/orders/412/ship/")
"""
    )
    assert "<td>admin<small>POST /orders/412/ship/</small>" in demo.page("/orders/412/")
    assert "shipped" not in demo.page("/orders/411/")


@pytest.mark.slow
@pytest.mark.everywhere
def test_cancelling_on_the_site_cancels(demo: Demo) -> None:
    demo.shop.shell(
        CLIENT
        + """
from django.contrib.auth.models import User
browser.post("/orders/409/cancel/")
browser.login(username="admin", password="admin")
assert "<button>Cancel</button>" in browser.get("/orders/410/").content.decode()
browser.post("/orders/410/cancel/")
assert "<button>" not in browser.get("/orders/410/").content.decode()
browser.post("/orders/410/ship/")
"""
    )
    html = demo.page("/orders/410/")
    assert re.search(r"Placed on [\d-]+; cancelled\.", html)
    assert "<td>admin<small>POST /orders/410/cancel/</small>" in html
    assert "→ cancelled" in html
    assert "cancelled" not in demo.page("/orders/409/")


@pytest.mark.slow
@pytest.mark.everywhere
def test_pages_say_which_way_they_are_sorted(demo: Demo) -> None:
    front, order = demo.page("/"), demo.page("/orders/413/")
    assert "Events, the newest first" in front
    assert "Events of this order and its lines, the oldest first" in order

    def times(html: str) -> list[str]:
        return re.findall(r'<td class="when">(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)', html)

    assert times(order) == sorted(times(order)) != []
    assert times(front) == sorted(times(front), reverse=True) != []


@pytest.mark.slow
@pytest.mark.everywhere
def test_roles_are_marked_as_roles(demo: Demo) -> None:
    assert re.search(r"<td>role \w+<small>", demo.page("/orders/413/"))


def test_page_of_an_order_that_never_was_is_not_found(demo: Demo) -> None:
    code = f"{CLIENT}print(browser.get('/orders/999999/').status_code)"
    assert "404" in demo.shop.shell(code)


def test_passwords_and_logins_leave_no_events(demo: Demo) -> None:
    code = """
from example_project.shop.models import UserEvent
print({key for event in UserEvent.objects.all() for key in event.pgh_data})
"""
    columns = demo.shop.shell(code)
    assert "username" in columns
    assert "password" not in columns
    assert "last_login" not in columns


@pytest.mark.slow
@pytest.mark.everywhere
def test_migrations_are_up_to_date(demo: Demo) -> None:
    assert "No changes detected" in demo.shop.manage("makemigrations", "--check", "--dry-run")


def test_site_without_data_says_what_to_do(demo: Demo) -> None:
    code = (
        CLIENT
        + """
from django.db import transaction
from example_project.shop.models import Order
with transaction.atomic():
    Order.objects.all().delete()
    print(browser.get("/").content.decode())
    transaction.set_rollback(True)
"""
    )
    assert "The shop is empty." in demo.shop.shell(code)
