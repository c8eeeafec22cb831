"""Whole projects: migrations as a model changes, and users' test suites that need no set-up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import MODELS, SETTINGS, Project, project


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as made:
        yield made


TESTS = """
from django.contrib.auth.models import Group, User
from django.test import TestCase, TransactionTestCase

from pgaudit_log.models import Events
from store.models import Item, ItemEvent


class Rolled(TestCase):
    def test_events(self):
        item = Item.objects.create(name="a")
        assert item.events.count() == 1
        assert Events.objects.count() == 1
        User.objects.create_user("ana")
        assert Events.objects.filter(pgh_obj_model="auth.User").count() == 1


class Flushed(TransactionTestCase):
    reset_sequences = True

    def check(self):
        assert Events.objects.count() == 0, list(Events.objects.all())
        item = Item.objects.create(name="a")
        assert [event.name for event in item.events.all()] == ["a"]
        Item.objects.update(name="b")
        User.objects.create_user("ana")
        assert Events.objects.count() == 3

    def test_once(self):
        self.check()

    def test_twice(self):
        self.check()
"""


SERIALIZED = """
from django.test import TransactionTestCase
from store.tests import Flushed


class Serialized(TransactionTestCase):
    serialized_rollback = True

    def test_once(self):
        Flushed.check(self)

    def test_twice(self):
        Flushed.check(self)
"""


def without_users(tests: str) -> str:
    """Return the suite for a project that does not track users."""
    lines = [line for line in tests.splitlines() if "User" not in line and "auth" not in line]
    return "\n".join(lines).replace("count() == 3", "count() == 2")


@pytest.fixture
def suite(store: Project) -> Project:
    store.manage("makemigrations", "store")
    store.write("store/tests.py", TESTS)
    return store


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_users_suite_runs_with_nothing_to_set_up(suite: Project) -> None:
    # Django's own serialized_rollback and --keepdb do not go together.
    suite.write("store/test_serialized.py", SERIALIZED)
    output = suite.manage("test")
    assert "Ran 5 tests" in output and "OK" in output


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_users_suite_runs_again_on_a_kept_database(suite: Project) -> None:
    suite.manage("test", "--keepdb")
    assert "OK" in suite.manage("test", "--keepdb", "--noinput")


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_users_suite_runs_in_parallel(suite: Project) -> None:
    try:
        assert "OK" in suite.manage("test", "--parallel", "2")
    finally:
        suite.manage("test", "--keepdb", "--parallel", "2", "--noinput")


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    "modules",
    ['{"store": None}', '{"pgaudit_log": None}', '{"store": None, "pgaudit_log": None}', "All()"],
)
def test_a_users_suite_runs_without_migrations(suite: Project, modules: str) -> None:
    # All() is what pytest-django's --nomigrations sets.
    suite.write(
        "settings.py",
        SETTINGS
        + f"""
class All:
    def __contains__(self, item): return True
    def __getitem__(self, item): return None
MIGRATION_MODULES = {modules}
""",
    )
    if "store" in modules:
        # Without its own migrations an app cannot have a proxy of a migrated app's model.
        without_proxy = MODELS.partition("@pgaudit_log.track(exclude")[0]
        suite.write("store/models.py", without_proxy)
        suite.write("store/tests.py", without_users(TESTS))
    output = suite.manage("test")
    assert "Ran 3 tests" in output and "OK" in output


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_users_suite_runs_under_pytest(suite: Project) -> None:
    run = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "store/tests.py", "--reuse-db"]
    assert "3 passed" in suite.run(*run)
    assert "3 passed" in suite.run(*run)
    assert "3 passed" in suite.run(*run, "--create-db", "--nomigrations")


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_flush_outside_tests_leaves_the_events(store: Project) -> None:
    store.manage("makemigrations", "store")
    store.manage("migrate")
    store.shell("from store.models import Item; Item.objects.create(name='a')")
    store.manage("flush", "--noinput")
    # That the table was emptied is an event, too.
    assert "['insert', 'truncate'] 0" in store.shell(
        """
        from store.models import *
        print(list(ItemEvent.objects.order_by("pgh_id").values_list("pgh_label", flat=True)), Item.objects.count())
        """
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_an_added_field_touches_only_itself_and_triggers(store: Project) -> None:
    store.manage("makemigrations", "store")
    store.manage("migrate")
    store.write(
        "store/models.py",
        MODELS.replace("class UserProxy", "class UserProxy").replace(
            "    name = models.CharField(max_length=50)\n",
            "    name = models.CharField(max_length=50)\n    size = models.IntegerField(default=1)\n",
        ),
    )
    store.shell("from store.models import Item")  # declaring it needs no migration
    output = store.manage("makemigrations", "store")
    assert set(re.findall(r"[+~?-] (.*)", output)) == {
        "Add field size to item",
        "Remove capture triggers from model item: audit_insert, audit_update, audit_delete",
        "Create capture triggers on model item: audit_insert, audit_update, audit_delete",
    }
    assert "No changes detected" in store.manage("makemigrations", "--check")
    store.manage("migrate")
    assert "[('a', 7)]" in store.shell(
        """
        from store.models import Item
        item = Item.objects.create(name="a", size=7)
        print(list(item.events.values_list("name", "size")))
        """
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_old_events_stay_readable_after_a_field_is_dropped(store: Project) -> None:
    with_size = MODELS.replace(
        "max_length=50)\n", "max_length=50)\n    size = models.IntegerField()\n"
    )
    store.write("store/models.py", with_size)
    store.manage("makemigrations", "store")
    store.manage("migrate")
    store.shell("from store.models import Item; Item.objects.create(name='a', size=7)")
    store.write("store/models.py", MODELS)
    store.manage("makemigrations", "store")
    store.manage("migrate")
    assert "a 7" in store.shell(
        "from store.models import *; e = ItemEvent.objects.get(); print(e.name, e.pgh_data['size'])"
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_migrations_go_back_to_zero_and_forward_again(store: Project) -> None:
    store.manage("makemigrations", "store")
    store.manage("migrate")
    write = "from store.models import Item; print(Item.objects.create(name='a').events.count())"
    assert "1" in store.shell(write)
    store.manage("migrate", "store", "zero")
    store.manage("migrate", "pgaudit_log", "zero")
    store.manage("migrate")
    assert "1" in store.shell(write)
    assert "No changes" in store.manage("makemigrations", "--check")


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_migration_with_triggers_depends_on_the_event_table(store: Project) -> None:
    store.manage("makemigrations", "store")
    text = next((store.folder / "store" / "migrations").glob("0001*.py")).read_text()
    assert "('pgaudit_log', '__first__')" in text


@pytest.mark.slow
@pytest.mark.everywhere
def test_data_and_schema_change_in_one_migration(store: Project) -> None:
    store.manage("makemigrations", "store")
    path = next((store.folder / "store" / "migrations").glob("0001*.py"))
    text = path.read_text().replace("    operations = [", "    operations = OPERATIONS = [", 1)
    path.write_text(
        text.rstrip().removesuffix("]")
        + """    migrations.RunPython(
            lambda apps, editor: apps.get_model("store", "Item").objects.create(name="seed"),
            migrations.RunPython.noop,
        ),
        migrations.AddField("item", "extra", models.IntegerField(default=3)),
        migrations.RemoveField("item", "extra"),
    ]
"""
    )
    store.manage("migrate")
    assert "['seed']" in store.shell(
        "from store.models import *; print([e.name for e in ItemEvent.objects.all()])"
    )


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("first", ["pgtrigger", "pgaudit_log"])
def test_the_order_of_installed_apps_does_not_matter(store: Project, first: str) -> None:
    settings = SETTINGS
    if first == "pgaudit_log":
        settings = SETTINGS.replace(
            '    "pgtrigger",\n    "pgaudit_log",\n    "store",\n',
            '    "store",\n    "pgaudit_log",\n    "pgtrigger",\n',
        )
    store.write("settings.py", settings)
    store.manage("check")
    store.manage("makemigrations", "store")
    store.manage("migrate")
    assert "1" in store.shell(
        "from store.models import Item; print(Item.objects.create(name='a').events.count())"
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_declaring_needs_no_database_and_no_models(store: Project) -> None:
    store.run("-c", "import pgaudit_log; pgaudit_log.UpdateEvent(); pgaudit_log.Q(new__a=1)")


@pytest.mark.slow
@pytest.mark.everywhere
def test_pgtriggers_commands_work_on_capture_triggers(store: Project) -> None:
    store.manage("makemigrations", "store")
    store.manage("migrate")
    count = """
        from store.models import Item, ItemEvent
        Item.objects.create(name="a")
        print(ItemEvent.objects.count())
    """
    assert "INSTALLED" in store.manage("pgtrigger", "ls")
    store.manage("pgtrigger", "disable", "store.Item:audit_insert")
    assert store.shell(count) == "0\n"
    assert "W003" in store.manage("check", "--database", "default")
    store.manage("pgtrigger", "enable", "store.Item:audit_insert")
    assert store.shell(count) == "1\n"
    store.manage("pgtrigger", "uninstall")
    assert store.shell(count) == "1\n"
    store.manage("pgtrigger", "install")
    assert store.shell(count) == "2\n"
    assert "OUTDATED" not in store.manage("pgtrigger", "ls")


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_column_type_changes_while_its_transaction_has_events(store: Project) -> None:
    store.manage("makemigrations", "store")
    store.write(
        "store/migrations/0002_alter.py",
        """
        from django.db import migrations, models

        def write(apps, editor):
            Item = apps.get_model("store", "Item")
            Item.objects.create(name="5")
            Item.objects.update(name="6")

        class Migration(migrations.Migration):
            dependencies = [("store", "0001_initial")]
            operations = [
                migrations.RunPython(write),
                migrations.AlterField("item", "name", models.TextField()),
                migrations.RunPython(write),
                migrations.AlterField("item", "name", models.CharField(max_length=50)),
            ]
        """,
    )
    store.manage("migrate")
    assert (
        store.shell(
            "from store.models import ItemEvent; print([e.name for e in ItemEvent.objects.all()])"
        )
        == "['5', '6', '5', '6']\n"
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_two_heads_are_merged(store: Project) -> None:
    store.manage("makemigrations", "store")
    for name, field in (("0002_one", "one"), ("0002_two", "two")):
        store.write(
            f"store/migrations/{name}.py",
            f"""
            from django.db import migrations, models

            class Migration(migrations.Migration):
                dependencies = [("store", "0001_initial")]
                operations = [migrations.AddField("item", "{field}", models.IntegerField(default=1))]
            """,
        )
    fields = "".join(f"    {name} = models.IntegerField(default=1)\n" for name in ("one", "two"))
    store.write(
        "store/models.py", MODELS.replace("max_length=50)\n", "max_length=50)\n" + fields, 1)
    )
    store.manage("makemigrations", "store", "--merge", "--noinput")
    store.manage("makemigrations", "store")
    store.manage("migrate")
    assert "No changes" in store.manage("makemigrations", "--check")
    assert (
        store.shell(
            "from store.models import Item; e = Item.objects.create(name='a').events.get(); print(e.one, e.two)"
        )
        == "1 1\n"
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_squashed_migrations_make_the_same_triggers(store: Project) -> None:
    store.manage("makemigrations", "store")
    size = MODELS.replace(
        "max_length=50)\n", "max_length=50)\n    size = models.IntegerField(default=1)\n", 1
    )
    store.write("store/models.py", size)
    store.manage("makemigrations", "store", "--name", "size")
    store.manage("squashmigrations", "store", "0002", "--noinput")
    for path in (store.folder / "store" / "migrations").glob("000[12]_*.py"):
        if "squashed" not in path.name:
            path.unlink()
    [squashed] = (store.folder / "store" / "migrations").glob("0001_*.py")
    text = squashed.read_text()
    squashed.write_text(re.sub(r"    replaces = .*?\]\n", "", text, flags=re.S))
    store.manage("migrate")
    assert "No changes" in store.manage("makemigrations", "--check")
    assert (
        store.shell(
            "from store.models import Item; print(Item.objects.create(name='a').events.get().size)"
        )
        == "1\n"
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_migrate_leaves_an_app_without_migrations_alone_until_its_tables_are_made(
    store: Project,
) -> None:
    store.write("settings.py", SETTINGS + 'MIGRATION_MODULES = {"store": None}\n')
    store.write("store/models.py", MODELS.partition("@pgaudit_log.track(exclude")[0])
    store.manage("migrate")
    store.manage("migrate", "--run-syncdb")
    printed = store.shell(
        """
        from store.models import Item
        print([event.name for event in Item.objects.create(name="a").events.all()])
        """
    )
    assert "['a']" in printed


SEVERAL = """
from django.db import models

import pgaudit_log


@pgaudit_log.track()
class Item(models.Model):
    name = models.CharField(max_length=50)


@pgaudit_log.track()
class Box(models.Model):
    items = models.ManyToManyField(Item, through="Content")


@pgaudit_log.track()
class Content(models.Model):
    item = models.ForeignKey(Item, models.CASCADE)
    box = models.ForeignKey(Box, models.CASCADE)
"""

LABELS = """
from pgaudit_log.models import Events
from store import models
item = models.Item.objects.create(name="a")
content = models.Content.objects.create(item=item, box=models.Box.objects.create())
print(sorted(Events.objects.values_list("pgh_obj_model", flat=True)))
content.delete(), content.box.delete(), item.delete()
"""


def triggers_of(store: Project) -> str:
    """Return the names of the capture triggers in a project's database."""
    return store.shell(
        """
        from django.db import connection
        with connection.cursor() as cursor:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'pgtrigger_audit%' ORDER BY 1")
            print([name for (name,) in cursor.fetchall()])
        """
    )


def operations_of(store: Project, name: str) -> list[str]:
    """Return the operations on capture triggers in a migration, by the names of their classes."""
    text = (store.folder / f"store/migrations/{name}.py").read_text()
    return re.findall(r"pgaudit_log\.capture_v1\.(\w+)\(", text)


@pytest.mark.slow
def test_models_of_one_migration_get_their_triggers_by_one_operation(store: Project) -> None:
    store.write("store/models.py", SEVERAL)
    output = store.manage("makemigrations", "store")
    assert "+ Create capture triggers on models " in output
    assert operations_of(store, "0001_initial") == ["CaptureTriggersOfModels"] + 3 * [
        "AddCaptureTriggers"
    ]
    assert "No changes" in store.manage("makemigrations", "--check")
    store.manage("migrate")
    assert store.shell(LABELS) == "['store.Box', 'store.Content', 'store.Item']\n"
    made = triggers_of(store)

    # Its opposite, and the SQL of it.
    store.manage("migrate", "store", "zero")
    assert triggers_of(store) == "[]\n"
    assert store.manage("sqlmigrate", "store", "0001").count("CREATE OR REPLACE TRIGGER") == 12
    store.manage("migrate")
    assert triggers_of(store) == made


@pytest.mark.slow
def test_a_change_of_one_model_of_several_is_a_migration_of_that_one(store: Project) -> None:
    store.write("store/models.py", SEVERAL)
    store.manage("makemigrations", "store")
    store.write(
        "store/models.py",
        SEVERAL.replace("    name =", "    size = models.TextField(null=True)\n    name ="),
    )
    store.manage("makemigrations", "store", "--name", "size")
    assert operations_of(store, "0002_size") == ["RemoveCaptureTriggers", "AddCaptureTriggers"]
    store.manage("squashmigrations", "store", "0002", "--noinput")
    assert "No changes" in store.manage("makemigrations", "--check")
    store.manage("migrate")
    assert store.shell(LABELS) == "['store.Box', 'store.Content', 'store.Item']\n"


@pytest.mark.slow
def test_models_that_are_no_longer_tracked_lose_their_triggers_by_one_operation(
    store: Project,
) -> None:
    store.write("store/models.py", SEVERAL)
    store.manage("makemigrations", "store")
    store.manage("migrate")
    store.write("store/models.py", SEVERAL.replace("@pgaudit_log.track()\n", ""))
    assert "- Remove capture triggers from models " in store.manage(
        "makemigrations", "store", "--name", "untracked"
    )
    assert operations_of(store, "0002_untracked") == ["CaptureTriggersOfModels"] + 3 * [
        "RemoveCaptureTriggers"
    ]
    before = triggers_of(store)
    store.manage("migrate")
    assert triggers_of(store) == "[]\n"
    store.manage("migrate", "store", "0001")
    assert triggers_of(store) == before
