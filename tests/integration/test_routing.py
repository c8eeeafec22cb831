"""A tracked table and the event table are in one database; routers that part them are told, and refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.management import call_command
from django.db import connections
from django.db.models.signals import pre_migrate

from pgaudit_log.database import routing
from pgaudit_log.database.routing import check_routers, misplaced
from pgaudit_log.exceptions import InstallationError
from tests.projects import Project, driver, project


class Router:
    """A router that keeps some apps and models in one database each, and leaves the rest alone."""

    def __init__(self, writes: str | None = None, **places: str) -> None:
        self.writes = writes
        self.places = places

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return self.writes if model._meta.app_label == "shop" else None

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool | None:
        place = self.places.get(f"{app_label}_{model_name}") or self.places.get(app_label)
        return None if place is None else place == db


def found(router: Router, settings: Any) -> list[CheckMessage]:
    settings.DATABASE_ROUTERS = [router]
    return check_routers(None)


@pytest.mark.parametrize(
    "router",
    [
        Router(),
        Router(shop="default", auth="default", pgaudit_log="default"),
        Router(shop="default"),
        Router(writes="other", shop="other", auth="other", pgaudit_log="other"),
        Router(shop_order="other"),
    ],
    ids=["none", "one database", "event table in more databases", "all elsewhere", "per model"],
)
def test_routers_that_keep_both_together_are_silent(router: Router, settings: Any) -> None:
    assert found(router, settings) == []


def test_a_router_that_parts_them_is_an_error(settings: Any) -> None:
    [message] = found(
        Router(writes="other", shop="other", auth="default", pgaudit_log="default"), settings
    )
    assert message.id == "pgaudit_log.E008"
    assert "shop.Order" in message.msg
    assert 'into the database "other", but not the app "pgaudit_log"' in message.msg
    assert "allow_migrate()" in str(message.hint)


def test_it_is_among_the_checks_that_always_run(settings: Any) -> None:
    settings.DATABASE_ROUTERS = [Router(writes="other", shop="other", pgaudit_log="default")]
    assert "pgaudit_log.E008" in [message.id for message in run_checks()]


def test_where_nothing_is_written_it_is_a_warning(settings: Any) -> None:
    [message] = found(Router(pgaudit_log="default"), settings)
    assert message.id == "pgaudit_log.W018"
    assert "nobody migrates or writes there" in str(message.hint)


@pytest.mark.parametrize("name", ["pgaudit_log", "pgaudit_log_events"])
def test_a_router_that_decides_by_the_model_is_asked_for_each(name: str, settings: Any) -> None:
    places = {"shop": "default", "auth": "default", "shop_order": "other", name: "default"}
    [message] = found(Router(**places), settings)
    assert "the tracked shop.Order into" in message.msg


def test_a_replica_needs_no_event_table(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(connections["other"].settings_dict["TEST"], "MIRROR", "default")
    assert found(Router(pgaudit_log="default"), settings) == []


def test_another_vendors_database_needs_no_event_table(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(connections["other"], "vendor", "sqlite")
    assert misplaced("other") is None


@pytest.mark.django_db(databases=["default", "other"])
def test_migrate_refuses_before_it_does_anything(settings: Any, monkeypatch: Any) -> None:
    # The tests' other database has one.
    monkeypatch.setattr(routing, "has_event_table", lambda using: False)
    settings.DATABASE_ROUTERS = [Router(shop="other", pgaudit_log="default")]
    begun: list[str] = []

    def begin(sender: Any, **kwargs: Any) -> None:
        begun.append(sender.label)

    pre_migrate.connect(begin)
    try:
        with pytest.raises(InstallationError, match=r'into the database "other".*install\.'):
            call_command("migrate", database="other", verbosity=0, skip_checks=True)
    finally:
        pre_migrate.disconnect(begin)
    assert "shop" not in begun


ROUTERS = """
import os
from pathlib import Path

class Router:
    def db_for_read(self, model, **hints):
        return "second" if model._meta.app_label == "store" else "default"

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        if app_label == "pgaudit_log" and Path("mended").exists():
            # By the model: the event table, too, is what it is asked for.
            return model_name == "events"
        return (db == "second") == (app_label == "store")
"""

STORE = """
from django.db import models

import pgaudit_log


{track}
class Item(models.Model):
    name = models.TextField()
"""

WRITE = """
from store.models import Item
item = Item.objects.create(name="a")
print(item.events.get().pgh_data["name"], Item.objects.as_of(item.events.get()).get().name)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Project]:
    """A project that routes its app to a second database, and the event table to the first."""
    with project(tmp_path) as made:
        url = made.environment["PROJECT_DATABASE_URL"]
        name = url.partition("?")[0].rpartition("/")[2]
        connection = driver.connect(os.environ["DATABASE_URL"])
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}_second")
        connection.close()
        settings = (made.folder / "settings.py").read_text()
        made.write(
            "settings.py",
            settings
            + 'DATABASES["second"] = {**DATABASES["default"], "NAME": DATABASES["default"]["NAME"] + "_second"}\n'
            'DATABASE_ROUTERS = ["routers.Router"]\n',
        )
        made.write("routers.py", ROUTERS)
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("mended_by", ["migrate", "install"])
def test_a_mended_router_mends_the_database(store: Project, mended_by: str) -> None:
    store.write("store/models.py", STORE.format(track=""))
    store.manage("makemigrations", "store")
    for using in ("default", "second"):
        # The migration of the event table counts as applied in both, and made nothing in one.
        store.manage("migrate", "-v0", "--database", using)
    store.write("store/models.py", STORE.format(track="@pgaudit_log.track()"))
    assert "E008" in store.manage("check", fails=True)
    assert "E008" in store.manage("migrate", "--database", "second", fails=True)
    skipping = ["migrate", "--database", "second", "--skip-checks"]
    assert 'into the database "second"' in store.manage(*skipping, fails=True)

    store.write("mended", "")
    store.manage("makemigrations", "store", "-n", "tracked")
    if mended_by == "install":
        store.manage("pgaudit_log", "install", "--database", "second")
    store.manage("migrate", "-v0", "--database", "second")
    assert store.shell(WRITE) == "a a\n"
    store.manage("check", "--database", "second", "--fail-level", "WARNING")
