"""Triggers that nothing declares capture nothing twice, and none ever refuses the writes of its table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import SETTINGS, Project, project


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as made:
        yield made


HEAD = """
from django.db import models

import pgaudit_log

"""

ITEM = """
@pgaudit_log.track(level=pgaudit_log.{level})
class Item(models.Model):
    name = models.CharField(max_length=50)

    class Meta:
        db_table = "store_item"
"""

WRITE = """
from django.db import connection
from pgaudit_log.models import Events
cursor = connection.cursor()
before = Events.objects.count()
cursor.execute("INSERT INTO store_item ({column}) VALUES ('a') RETURNING id")
[key] = cursor.fetchone()
cursor.execute("UPDATE store_item SET {column} = 'b' WHERE id = %s", [key])
print([(e.pgh_obj_model, e.pgh_label) for e in Events.objects.order_by("pgh_id")[before:]])
"""

MOVE_OUT = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("store", "0001_initial")]
    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("Item")])
    ]
"""

MOVE_IN = """
from django.db import migrations, models

class Migration(migrations.Migration):
    initial = True
    dependencies = [("store", "0002_move")]
    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.CreateModel("Item", [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=50)),
            ], options={"db_table": "store_item"})
        ])
    ]
"""


@pytest.mark.slow
@pytest.mark.parametrize("level", ["Statement", "Row"])
def test_a_model_that_is_moved_to_another_app_in_the_state_is_captured_once(
    store: Project, level: str
) -> None:
    item = HEAD + ITEM.format(level=level)
    store.write("settings.py", SETTINGS.replace('"store",', '"store",\n    "goods",'))
    store.write("goods/__init__.py", "")
    store.write("goods/models.py", "")
    store.write("goods/migrations/__init__.py", "")
    store.write("store/models.py", item)
    store.manage("makemigrations", "store")
    store.manage("migrate")
    before = store.shell(WRITE.format(column="name"))
    assert before == "[('store.Item', 'insert'), ('store.Item', 'update')]\n"

    store.write("store/models.py", "")
    store.write("goods/models.py", item)
    store.write("store/migrations/0002_move.py", MOVE_OUT)
    store.write("goods/migrations/0001_move.py", MOVE_IN)
    store.manage("makemigrations", "goods")
    [made] = store.folder.glob("goods/migrations/0002*.py")
    # Told also where migrate has nothing to do: the migration that makes the new triggers is kept back.
    store.manage("migrate", "goods", "0001")
    output = store.manage("migrate", "goods", made.stem)
    assert len(re.findall(r"The trigger pgtrigger_audit_\w+ of store_item is removed", output)) == 4
    captured = store.shell(WRITE.format(column="name"))
    assert captured == "[('goods.Item', 'insert'), ('goods.Item', 'update')]\n"
    assert "no issues" in store.manage("check", "--database", "default")
    assert "4" in store.shell(
        "from goods.models import *; print(ItemEvent.objects.filter(pgh_label__in=['insert', 'update']).count())"
    )


STRAY = """
from django.db import connection
from store.models import Item
import pgtrigger
[trigger] = [t for m, t in pgtrigger.registered() if m is Item and t.name == "audit_update"]
sql = trigger.compile(Item).install_sql.replace(trigger.get_pgid(Item), "pgtrigger_audit_update_0123456789ab")
connection.cursor().execute(sql)
"""


@pytest.mark.slow
def test_a_trigger_that_nothing_declares_is_told_and_taken_away(store: Project) -> None:
    store.write("store/models.py", HEAD + ITEM.format(level="Statement"))
    store.manage("makemigrations", "store")
    store.manage("migrate")
    store.shell(STRAY)
    assert store.shell(WRITE.format(column="name")).count("update") == 2
    told = store.manage("check", "--database", "default")
    assert "W019" in told and "pgtrigger_audit_update_0123456789ab on store_item" in told
    installed = store.manage("pgaudit_log", "install")
    assert "Dropped the trigger pgtrigger_audit_update_0123456789ab on store_item." in installed
    assert store.shell(WRITE.format(column="name")).count("update") == 1
    assert "no issues" in store.manage("check", "--database", "default")
    assert "Everything is in place." in store.manage("pgaudit_log", "install")


@pytest.mark.slow
def test_a_trigger_that_only_migrations_know_stays(store: Project) -> None:
    # A release whose code declares less than its migrations do: makemigrations was forgotten.
    store.write("store/models.py", HEAD + ITEM.format(level="Statement"))
    store.manage("makemigrations", "store")
    store.manage("migrate")
    fewer = "track(pgaudit_log.UpdateEvent(), "
    store.write("store/models.py", HEAD + ITEM.format(level="Row").replace("track(", fewer))
    store.manage("migrate")
    store.manage("pgaudit_log", "install")
    assert store.shell(WRITE.format(column="name")).count("insert") == 1


CONDITIONS = {
    "subquery": "EXISTS (SELECT FROM store_other AS o WHERE o.name = NEW.name)",
    "literal": "NEW.name <> 'name'",
    "quoted": '"new"."name" <> \'"name"\'',
}

WITH_OTHER = """
class Other(models.Model):
    name = models.CharField(max_length=50, default="b")


@pgaudit_log.track(
    pgaudit_log.InsertEvent(),
    pgaudit_log.UpdateEvent(condition=pgaudit_log.Condition({condition!r}), level=pgaudit_log.{level}),
    large={large},
)
class Item(models.Model):
    name = models.CharField(max_length=50)
"""

BY_HAND = {
    "RenameField": ('migrations.RenameField("item", "name", "title")', "title"),
    "SQL": (
        """migrations.RunSQL(
                    "ALTER TABLE store_item RENAME name TO title",
                    state_operations=[migrations.RenameField("item", "name", "title")],
                )""",
        "title",
    ),
    "SQL alone": ("migrations.RunSQL('ALTER TABLE store_item RENAME name TO title')", "title"),
    "SQL drops": (
        "migrations.RunSQL('ALTER TABLE store_item DROP name CASCADE, ADD title text')",
        "title",
    ),
    "SQL alters": ("migrations.RunSQL('ALTER TABLE store_item ALTER name TYPE text')", "name"),
    "SQL alters to another kind": (
        "migrations.RunSQL('ALTER TABLE store_item ALTER name TYPE bytea USING NULL')",
        "name",
    ),
    "SQL makes anew": (
        "migrations.RunSQL('ALTER TABLE store_item DROP name, ADD name tsvector')",
        "name",
    ),
    "other's RenameField": ('migrations.RenameField("other", "name", "title")', "name"),
    "other's RemoveField": ('migrations.RemoveField("other", "name")', "name"),
    "other's DeleteModel": ('migrations.DeleteModel("Other")', "name"),
    "other's SQL": ("migrations.RunSQL('ALTER TABLE store_other DROP name CASCADE')", "name"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("condition", "level", "change"),
    [
        *(("subquery", "Statement", change) for change in BY_HAND),
        # Which there is for columns of the new type, too.
        ("literal", "Statement", "SQL alters to another kind"),
        ("literal", "Statement", "SQL makes anew"),
        ("literal", "Row", "RenameField"),
        ("quoted", "Row", "SQL alone"),
        ("quoted", "Row", "SQL drops"),
    ],
)
def test_no_migration_by_hand_makes_a_write_fail(
    store: Project, condition: str, level: str, change: str
) -> None:
    models = WITH_OTHER.format(condition=CONDITIONS[condition], level=level, large=["name"])
    store.write("store/models.py", HEAD + models)
    store.manage("makemigrations", "store")
    operation, column = BY_HAND[change]
    store.write(
        "store/migrations/0002_hand.py",
        f"""
        from django.db import migrations

        class Migration(migrations.Migration):
            dependencies = [("store", "0001_initial")]
            operations = [
                migrations.RunSQL("INSERT INTO store_other (name) VALUES ('b')"),
                {operation},
            ]
        """,
    )
    output = store.manage("migrate")
    captured = store.shell(WRITE.format(column=column))
    for label in ("insert", "update"):
        is_told = re.search(
            rf"The trigger pgtrigger_audit_{label}\w+ of store_item is removed", output
        )
        if "CASCADE" in operation and not is_told:
            # PostgreSQL itself drops a trigger with a column that its condition has.
            is_told = re.search(
                rf"W003.*audit_{label}", store.manage("check", "--database", "default")
            )
        assert bool(is_told) != (f"('store.Item', '{label}')" in captured), (output, captured)


@pytest.mark.slow
def test_a_check_tells_of_a_trigger_that_refuses_every_write(store: Project) -> None:
    models = WITH_OTHER.format(condition=CONDITIONS["subquery"], level="Statement", large=[])
    store.write("store/models.py", HEAD + models)
    store.manage("makemigrations", "store")
    store.manage("migrate")
    store.shell(
        "from django.db import connection as c;"
        " c.cursor().execute('ALTER TABLE store_other RENAME name TO n;"
        " ALTER TABLE store_other DROP n CASCADE')"
    )
    told = store.manage("check", "--database", "default", fails=True)
    assert "E009" in told and "what its condition asks" in told
    store.manage("pgaudit_log", "install")
    assert "insert" in store.shell(WRITE.format(column="name"))
    # Once it is gone, whoever installs is told why it is not there, and all else is done.
    again = store.manage("pgaudit_log", "install")
    assert re.search(r"store.Item:audit_\w+ cannot be made as it is declared: column", again), again


@pytest.mark.slow
def test_a_check_tells_of_a_condition_for_columns_of_other_types(store: Project) -> None:
    models = WITH_OTHER.format(condition=CONDITIONS["literal"], level="Statement", large=[])
    store.write("store/models.py", HEAD + models)
    store.manage("makemigrations", "store")
    store.manage("migrate")
    alter = "from django.db import connection as c; c.cursor().execute('ALTER TABLE store_item ALTER name TYPE {}')"
    store.shell(alter.format("text"))
    assert "no issues" in store.manage("check", "--database", "default")
    store.shell(alter.format("bytea USING NULL"))
    told = store.manage("check", "--database", "default", fails=True)
    assert "E009" in told and "a condition for columns of these types" in told
    assert "audit_update" in store.manage("pgaudit_log", "install")
    assert "update" in store.shell(WRITE.format(column="name"))
    assert "no issues" in store.manage("check", "--database", "default")


@pytest.mark.slow
def test_a_condition_may_name_no_column(store: Project) -> None:
    models = WITH_OTHER.format(condition="1 = 1", level="Statement", large=[])
    store.write("store/models.py", HEAD + models)
    store.manage("makemigrations", "store")
    store.manage("migrate")
    assert "update" in store.shell(WRITE.format(column="name"))
