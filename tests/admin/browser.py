"""A browser for tests: Chromium, somebody who has logged in, a strict policy, and what axe-core finds."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.shop.models import Customer, Order, OrderLine, Product

POLICY = "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:"


class StrictPolicy:
    """Answers with a Content-Security-Policy that allows nothing inline and nothing from elsewhere."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        response = self.get_response(request)
        if any(own in request.path for own in ("/pgaudit_log/", "/audit/", "/activity/")):
            response["Content-Security-Policy"] = POLICY
        return response


@pytest.fixture(scope="module")
def chromium(django_db_setup: None) -> Iterator[Any]:
    playwright_api = pytest.importorskip("playwright.sync_api")
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
    for module in ("django.contrib.admin", "pgaudit_log", "unfold"):
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            continue
        for folder in (Path(spec.origin).parent / "static").iterdir():
            # The theme's own `admin` only replaces scripts of Django's.
            if not (tmp_path / folder.name).exists():
                (tmp_path / folder.name).symlink_to(folder)
    settings.STATIC_ROOT = str(tmp_path)


@pytest.fixture
def visit(
    chromium: Any, _static_files: None, live_server: Any, settings: Any
) -> Iterator[Callable[..., Any]]:
    """Returns a page of somebody who has logged in, with whatever went wrong in it."""
    User.objects.create_superuser("root", password="secret")
    opened: list[Any] = []

    def open_page(user: str = "root", *, policy: bool = True, **options: Any) -> Any:
        if policy:
            settings.MIDDLEWARE = [f"{__name__}.StrictPolicy", *settings.MIDDLEWARE]
        context = chromium.new_context(base_url=live_server.url, **options)
        opened.append(context)
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on(
            "console",
            lambda said: (
                page.problems.append(f"{said.text} {said.location['url']}")
                if said.type == "error" and "favicon" not in said.location["url"]
                else None
            ),
        )
        page.goto("/admin/login/?next=/admin/")
        page.fill("#id_username", user)
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


def faults_of(page: Any, context: str = "document") -> list[tuple[str, list[str]]]:
    """Return what axe-core finds on a page, or the part of it that ``context`` says."""
    axe = pytest.importorskip("axe_playwright_python")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(f"axe.run({context})")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]


def is_wider_than_the_window(page: Any) -> bool:
    """Return whether a page has to be moved sideways to be read."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
