"""What ``migrate`` refuses or says where it would do harm, or could do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import MODELS, SETTINGS, Project, project


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as made:
        yield made


@pytest.mark.slow
def test_to_unapply_this_app_never_drops_a_users_table(store: Project) -> None:
    store.manage("makemigrations", "store")
    store.manage("migrate")
    store.shell("from store.models import Item; Item.objects.create(name='a')")
    refused = store.manage("migrate", "pgaudit_log", "zero", fails=True)
    assert "would unapply those that depend on it, too: store.0001_initial" in refused
    assert "drop the tables of store.Item. Nothing was done." in refused
    assert "manage.py pgaudit_log uninstall --all" in refused
    assert "Traceback" not in refused
    assert "1 1" in store.shell(
        "from store.models import *; print(Item.objects.count(), ItemEvent.objects.count())"
    )

    # Who names them may drop them.
    store.manage("migrate", "store", "zero")
    store.manage("migrate", "pgaudit_log", "zero")
    store.manage("migrate")


LIBRARY = """
from django.db import models

class Book(models.Model):
    name = models.CharField(max_length=50)
"""

PROXY = """
import pgaudit_log
from library.models import Book

@pgaudit_log.track()
class BookProxy(Book):
    class Meta:
        proxy = True
"""


@pytest.mark.slow
def test_a_proxy_of_a_model_without_migrations_says_what_to_do(store: Project) -> None:
    store.write("settings.py", SETTINGS.replace('"store",', '"library",\n    "store",'))
    store.write("library/__init__.py", "")
    store.write("library/models.py", LIBRARY)
    store.write("store/models.py", PROXY)
    store.manage("makemigrations", "store")
    failed = store.manage("migrate", fails=True)
    assert 'the table "library_book" does not exist' in failed
    assert "migrate --run-syncdb" in failed
    store.manage("migrate", "--run-syncdb")
    assert "a" in store.shell(
        "from store.models import *; print(BookProxy.objects.create(name='a').events.get().name)"
    )


@pytest.mark.slow
def test_an_app_without_migrations_is_told_of_its_way(store: Project) -> None:
    store.write("store/models.py", MODELS.partition("@pgaudit_log.track(exclude")[0])
    (store.folder / "store/migrations/__init__.py").unlink()
    (store.folder / "store/migrations").rmdir()
    store.manage("migrate")
    told = store.manage("check", "--database", "default")
    assert "W003" in told and "migrate --run-syncdb" in told
    store.manage("migrate", "--run-syncdb")
    assert "no issues" in store.manage("check", "--database", "default")
