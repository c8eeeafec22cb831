"""Models of third-party apps: tracked by a proxy, because their migrations are not the project's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import SETTINGS, Project, project

BOOKS = """
from django.contrib.auth.models import User
from django.db import models


class Book(models.Model):
    title = models.CharField(max_length=50)
    readers = models.ManyToManyField(User)
"""

TRACKED = "import pgaudit_log\nfrom books.models import Book\n\npgaudit_log.track()({model})\n"

MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    operations = []
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as made:
        yield made


def with_books(store: Project, folder: str, migration: str = MIGRATION) -> None:
    """Put an app into a folder that Python imports from."""
    root = store.folder / folder
    store.write(f"{folder}/books/__init__.py", "")
    store.write(f"{folder}/books/migrations/__init__.py", "")
    store.write(f"{folder}/books/migrations/0001_initial.py", migration)
    store.write(f"{folder}/books/models.py", BOOKS)
    paths = [store.environment["PYTHONPATH"], str(root)]
    store.environment["PYTHONPATH"] = os.pathsep.join(paths)
    store.write("settings.py", SETTINGS.replace('    "store",\n', '    "books",\n    "store",\n'))
    store.write("store/models.py", TRACKED.format(model="Book"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "folder",
    [
        "venv/lib/python3.11/site-packages",
        "usr/lib/python3/dist-packages",
        "__pypackages__/3.11/lib",
    ],
)
def test_an_installed_app_is_refused_with_the_proxy_to_track(store: Project, folder: str) -> None:
    with_books(store, folder)
    output = store.manage("check", fails=True)
    assert "books.Book cannot be tracked directly: its app books is installed in" in output
    advice = "@pgaudit_log.track()\n    class TrackedBook(Book):\n        class Meta:\n            proxy = True"
    assert advice in output
    store.write(
        "store/models.py",
        TRACKED.partition("pgaudit_log.track")[0] + advice.replace("\n    ", "\n"),
    )
    assert "no issues" in store.manage("check")


@pytest.mark.slow
def test_a_through_table_is_shown_by_its_field(store: Project) -> None:
    with_books(store, "site-packages")
    store.write("store/models.py", TRACKED.format(model="Book.readers.through"))
    assert "class BookReaders(Book.readers.through):" in store.manage("check", fails=True)


@pytest.mark.slow
@pytest.mark.parametrize("app", ["auth", "contenttypes"])
def test_apps_of_django_are_refused(store: Project, app: str) -> None:
    model = {"auth": "User", "contenttypes": "ContentType"}[app]
    store.write(
        "store/models.py",
        f"import pgaudit_log\nfrom django.contrib.{app}.models import {model}\n\npgaudit_log.track()({model})\n",
    )
    assert f"class Tracked{model}({model}):" in store.manage("check", fails=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting", ["migrations_of_books", "books.migrations", None], ids=["moved", "meant", "none"]
)
def test_who_says_where_the_migrations_are_may(store: Project, setting: str | None) -> None:
    with_books(store, "site-packages")
    with (store.folder / "settings.py").open("a") as settings:
        settings.write(f"\nMIGRATION_MODULES = {{'books': {setting!r}}}\n")
    assert "no issues" in store.manage("check")


@pytest.mark.slow
@pytest.mark.parametrize("folder", [".", "vendored", "src/packages"])
def test_a_projects_own_packages_are_not_meant(store: Project, folder: str) -> None:
    with_books(store, folder)
    assert "no issues" in store.manage("check")


@pytest.mark.slow
def test_nor_is_one_that_is_installed_from_a_checkout(
    store: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    checkout = tmp_path_factory.mktemp("checkout")
    with_books(store, str(checkout))
    assert "no issues" in store.manage("check")


@pytest.mark.slow
def test_nor_is_a_project_that_is_installed_with_its_migrations(store: Project) -> None:
    """As from a wheel: what it tracks is in its migrations already."""
    with_books(store, "site-packages", "import pgaudit_log.capture_v1\n" + MIGRATION)
    assert "no issues" in store.manage("check")


@pytest.mark.slow
def test_nor_is_an_app_without_migrations(store: Project) -> None:
    with_books(store, "site-packages")
    migrations = store.folder / "site-packages" / "books" / "migrations"
    for path in migrations.glob("*.py"):
        path.unlink()
    migrations.rmdir()
    assert "no issues" in store.manage("check")


@pytest.mark.slow
def test_a_child_of_an_abstract_base_in_such_an_app_is_refused_too(store: Project) -> None:
    with_books(store, "site-packages")
    store.write(
        "store/models.py",
        "import pgaudit_log\nfrom django.contrib.auth.base_user import AbstractBaseUser\n\n"
        "pgaudit_log.track()(AbstractBaseUser)\n",
    )
    output = store.manage("check", fails=True)
    assert "auth.User inherits AbstractBaseUser, which is tracked." in output
    store.write(
        "store/models.py",
        "import pgaudit_log\nfrom django.contrib.auth.models import AbstractBaseUser, User\n\n"
        "pgaudit_log.track()(AbstractBaseUser)\n\n"
        "@pgaudit_log.track()\nclass TrackedUser(User):\n    class Meta:\n        proxy = True\n",
    )
    assert "no issues" in store.manage("check")
