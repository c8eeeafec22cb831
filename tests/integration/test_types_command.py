"""``pgaudit_log types`` writes what type checkers are told, says when it is out of date, and breaks nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.projects import Project

pytestmark = pytest.mark.slow

NOWHERE = "postgres://nobody@127.0.0.1:9/none"
"""No server: models are all that is needed."""

MODELS = """
from django.contrib.auth.models import User
from django.db import models

import pgaudit_log


@pgaudit_log.track()
class Item(models.Model):
    name = models.CharField(max_length=50)


class Plain(models.Model):
    name = models.CharField(max_length=50)
"""

TRACKED_LATER = MODELS.replace("class Plain", "@pgaudit_log.track()\nclass Plain")


@pytest.fixture
def store(tmp_path: Path) -> Project:
    made = Project(tmp_path, NOWHERE)
    made.write("store/models.py", MODELS)
    return made


def types_of(store: Project) -> str:
    return (store.folder / "store/audit_types.py").read_text()


def test_it_writes_once_and_needs_no_database(store: Project) -> None:
    assert "Wrote store/audit_types.py." in store.manage("pgaudit_log", "types")
    assert "class ItemEvent(Event):" in types_of(store)
    assert "name: EventField[str | None]" in types_of(store)
    assert "All types are up to date." in store.manage("pgaudit_log", "types")
    assert store.manage("pgaudit_log", "types", "--check") == "All types are up to date.\n"


def test_check_fails_with_what_differs_and_writes_nothing(store: Project) -> None:
    store.manage("pgaudit_log", "types")
    before = types_of(store)
    store.write("store/models.py", MODELS.replace("name =", "title =", 1))
    said = store.manage("pgaudit_log", "types", "--check", fails=True)
    assert "-        name: EventField[str | None]\n+        title: EventField[str | None]" in said
    assert "Not up to date: store/audit_types.py. Run `manage.py pgaudit_log types`" in said
    assert types_of(store) == before


def test_check_fails_where_nothing_was_written(store: Project) -> None:
    assert "+    class ItemEvent(Event):" in store.manage(
        "pgaudit_log", "types", "--check", fails=True
    )
    assert not (store.folder / "store/audit_types.py").exists()


def test_the_order_of_declarations_makes_no_difference(store: Project) -> None:
    store.write("store/models.py", TRACKED_LATER)
    store.manage("pgaudit_log", "types")
    before = types_of(store)
    head, item, plain = TRACKED_LATER.split("\n\n\n")
    store.write("store/models.py", "\n\n\n".join([head, plain, item]))
    store.manage("pgaudit_log", "types", "--check")
    assert types_of(store) == before


def test_a_module_of_the_projects_own_is_left_alone(store: Project) -> None:
    store.write("store/audit_types.py", "KINDS = ['internal']\n")
    said = store.manage("pgaudit_log", "types", fails=True)
    assert "is a module of yours" in said
    assert types_of(store) == "KINDS = ['internal']\n"
    printed = store.shell("from store.models import ItemEvent\nprint(ItemEvent.__module__)")
    assert printed == "store.models\n"


def test_it_goes_with_the_last_track(store: Project) -> None:
    store.manage("pgaudit_log", "types")
    store.write("store/models.py", MODELS.replace("@pgaudit_log.track()\n", ""))
    store.manage("pgaudit_log", "types", "--check", fails=True)
    assert "Removed store/audit_types.py." in store.manage("pgaudit_log", "types")
    assert not (store.folder / "store/audit_types.py").exists()


def test_what_it_writes_gives_the_classes_at_run_time_too(store: Project) -> None:
    store.manage("pgaudit_log", "types")
    printed = store.shell(
        """
        import pickle
        from store import audit_types, models
        print(audit_types.ItemEvent is models.ItemEvent)
        print(pickle.loads(pickle.dumps(models.ItemEvent)) is models.ItemEvent)
        print(hasattr(audit_types, "PlainEvent"), hasattr(audit_types, "itemevent"))
        print(models.ItemEvent.__module__)
        """
    )
    assert printed.splitlines() == ["True", "True", "False False", "store.audit_types"]


def test_the_lines_that_models_lack_are_shown(store: Project) -> None:
    said = store.manage("pgaudit_log", "types")
    assert said.partition("\n\n")[2] == (
        "store/models.py does not say yet:\n"
        "  if TYPE_CHECKING:\n"
        "      from store.audit_types import ItemEvent as ItemEvent\n"
        "\n"
        "  class Item:\n"
        '      events: pgaudit_log.EventsOf["ItemEvent"]\n'
        '      pgh_event_model: ClassVar["type[ItemEvent]"]\n'
        '      objects: ClassVar[pgaudit_log.TrackedManager["Item"]]\n'
    )
    assert "does not say" in store.manage("pgaudit_log", "types")


def test_the_lines_that_models_lack_are_written_and_change_nothing_at_run_time(
    store: Project,
) -> None:
    asked = """
        from store.models import Item
        print([type(m) for m in Item._meta.managers], [f.name for f in Item._meta.get_fields()], Item.__mro__[1])
        """
    before = store.shell(asked)
    assert "Completed store/models.py." in store.manage("pgaudit_log", "types", "--models")
    written = (store.folder / "store/models.py").read_text()
    assert 'events: pgaudit_log.EventsOf["ItemEvent"]' in written
    assert store.manage("pgaudit_log", "types", "--models") == "All types are up to date.\n"
    assert (store.folder / "store/models.py").read_text() == written
    assert store.shell(asked) == before
    hints = store.shell(
        "from typing import get_type_hints\nfrom store.models import Item\n"
        "print(*sorted(get_type_hints(Item)))"
    )
    assert hints == "events objects pgh_event_model\n"


def test_the_lines_of_a_child_say_that_its_events_are_none_of_its_parents(store: Project) -> None:
    store.write(
        "store/models.py",
        MODELS + "\n\n@pgaudit_log.track()\nclass Book(Item):\n    isbn = models.TextField()\n",
    )
    said = store.manage("pgaudit_log", "types")
    assert 'events: pgaudit_log.EventsOf["BookEvent"]  # type: ignore[assignment]' in said


def test_an_accessor_on_the_model_of_others_is_not_asked_for(store: Project) -> None:
    store.write(
        "store/models.py",
        MODELS + "\n\n@pgaudit_log.track()\nclass Person(User):\n"
        "    class Meta:\n        proxy = True\n",
    )
    said = store.manage("pgaudit_log", "types")
    assert said.partition("class Person:")[2].split("\n")[1:] == [
        '      pgh_event_model: ClassVar["type[PersonEvent]"]',
        "",
    ]


def test_apps_that_were_installed_are_left_alone(store: Project) -> None:
    store.write("site-packages/parts/__init__.py", "")
    store.write("site-packages/parts/models.py", MODELS)
    store.environment["PYTHONPATH"] = (
        f"{store.folder / 'site-packages'}:{store.environment['PYTHONPATH']}"
    )
    settings = (store.folder / "settings.py").read_text()
    store.write(
        "settings.py",
        settings.replace('"store"', '"store", "parts"')
        + 'MIGRATION_MODULES = {"parts": "store.of_parts"}\n',
    )
    said = store.manage("pgaudit_log", "types")
    assert "Wrote store/audit_types.py." in said
    assert "parts" not in said
    assert not (store.folder / "site-packages/parts/audit_types.py").exists()


def test_models_in_a_package_import_what_they_use_and_the_package_all(store: Project) -> None:
    (store.folder / "store/models.py").unlink()
    store.write("store/models/__init__.py", "from .items import Item, Plain\n")
    store.write("store/models/items.py", TRACKED_LATER)
    assert "Completed store/models/items.py." in store.manage("pgaudit_log", "types", "--models")
    package = (store.folder / "store/models/__init__.py").read_text()
    assert package == (
        "from typing import TYPE_CHECKING\n\n"
        "from .items import Item, Plain\n\n"
        "if TYPE_CHECKING:\n"
        "    from store.audit_types import ItemEvent as ItemEvent\n"
        "    from store.audit_types import PlainEvent as PlainEvent\n"
    )
    items = (store.folder / "store/models/items.py").read_text()
    assert "    from store.audit_types import ItemEvent, PlainEvent\n" in items
    assert store.manage("pgaudit_log", "types") == "All types are up to date.\n"
