"""Makes the pictures of the screens in `docs/images`, from the example's data: `python docs/screenshots.py`.

It needs Chromium, the dependency groups `browser` and `example`, Pillow, and a database that
DATABASE_URL names, which it fills with the example; without, it starts the example's own server.
Names on the command line make these pictures alone: `python docs/screenshots.py trail timeline`.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)
IMAGES = ROOT / "docs" / "images"


class Story:
    """What the pictures are of: an order that was changed most, and its events."""

    def __init__(self) -> None:
        from example_project.shop.models import Order
        from pgaudit_log.models import Events

        changes = Events.objects.filter(pgh_obj_model="shop.Order", pgh_operation="U")
        counts: dict[str, int] = {}
        for key in changes.values_list("pgh_obj_id", flat=True)[:1000]:
            counts[key] = counts.get(key, 0) + 1
        there = {str(pk) for pk in Order.objects.filter(pk__in=counts).values_list("pk", flat=True)}
        self.order = max(there, key=lambda key: (counts[key], int(key)))
        own = changes.filter(pgh_obj_id=self.order)
        self.first, self.last = own.earliest("pgh_id"), own.latest("pgh_id")
        self.audit = f"/admin/shop/order/{self.order}/audit/"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A screen as it looks in one window."""

    name: str
    url: Callable[[Story], str]
    width: int = 1280
    height: int = 800
    scheme: str = "light"
    language: str = "en"
    before: Callable[[Any], Any] | None = None
    """What is done on the page before it is taken."""


TRAIL = "/admin/pgaudit_log/events/"

PICTURES = (
    Picture(name="trail", url=lambda story: TRAIL),
    Picture(name="timeline", url=lambda story: f"{story.audit}?before={story.last.pgh_id + 1}"),
    Picture(
        name="timeline-narrow",
        url=lambda story: f"{story.audit}?before={story.last.pgh_id + 1}",
        width=375,
        scheme="dark",
    ),
    Picture(
        name="timeline-german",
        url=lambda story: f"{story.audit}?before={story.last.pgh_id + 1}",
        language="de",
        height=600,
    ),
    Picture(
        name="comparison",
        url=lambda story: f"{story.audit}compare/?a={story.first.pgh_id}&b=now&unchanged=1",
        height=600,
    ),
    Picture(
        name="transaction",
        url=lambda story: f"{TRAIL}transaction/{story.last.pgh_txid}/",
        height=600,
    ),
    Picture(name="fields", url=lambda story: f"{story.audit}fields/", height=600),
    Picture(
        name="revert",
        url=lambda story: f"{story.audit}revert/?event={story.first.pgh_id}",
        height=400,
    ),
    Picture(
        name="as-of", url=lambda story: f"{story.audit}at/?event={story.first.pgh_id}", height=600
    ),
    Picture(
        name="activity",
        url=lambda story: f"/orders/{story.order}/activity/?before={story.last.pgh_id + 1}",
        height=600,
    ),
    Picture(name="deleted", url=lambda story: f"{TRAIL}deleted/shop.OrderLine/", height=600),
    Picture(name="status", url=lambda story: f"{TRAIL}status/"),
)
"""The pictures; add one here, and show it in a page by `![…](../images/NAME.png)`."""


def main() -> None:
    """Fill the example, and take the pictures."""
    from example_project import embedded_postgres

    if not os.environ.get("DATABASE_URL"):
        server = embedded_postgres.persistent(ROOT)
        server.start()
        os.environ["DATABASE_URL"] = server.url()
    os.environ["DJANGO_SETTINGS_MODULE"] = "example_project.settings"
    # The browser's loop runs in this thread, which asks the database, too.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

    import django
    from django.core.management import call_command

    django.setup()
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        call_command("demo", stdout=nowhere)
    wanted = set(sys.argv[1:])
    unknown = wanted - {picture.name for picture in PICTURES}
    if unknown:
        sys.exit(f"There is no picture {', '.join(sorted(unknown))}.")
    IMAGES.mkdir(exist_ok=True)
    with served() as address, browser() as chromium:
        story, cookie = Story(), signed_in()
        for picture in PICTURES:
            if not wanted or picture.name in wanted:
                take(picture, story, chromium, address, cookie)


def take(picture: Picture, story: Story, chromium: Any, address: str, cookie: str) -> None:
    """Take one picture, with the few colours that a screen has."""
    from PIL import Image

    context = chromium.new_context(
        base_url=address,
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.scheme,
        locale=picture.language,
    )
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": address}])
    page = context.new_page()
    response = page.goto(picture.url(story))
    if response is None or response.status != 200:
        sys.exit(f"{picture.name}: {page.url} was answered with {response and response.status}.")
    # Who takes pictures looks at the log, not at the navigation beside it.
    page.evaluate(
        "document.querySelectorAll('#nav-sidebar, #toggle-nav-sidebar').forEach(e => e.remove())"
    )
    if picture.before is not None:
        picture.before(page)
    path = IMAGES / f"{picture.name}.png"
    page.screenshot(path=path)
    context.close()
    Image.open(path).convert("RGB").quantize(96).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} kB")


def signed_in() -> str:
    """Return the session of a superuser."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    user = User.objects.get(username="admin")
    # Not by logging in, which would be the newest event.
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Write nothing."""


@contextmanager
def served() -> Iterator[str]:
    """Serve the example while the block runs, with its static files."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.wsgi import get_wsgi_application

    server = make_server(
        "localhost", 0, StaticFilesHandler(get_wsgi_application()), handler_class=_Quiet
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()


@contextmanager
def browser() -> Iterator[Any]:
    """Start the system's Chromium."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        sys.exit("Install Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


if __name__ == "__main__":
    main()
