"""What events of earlier schemas look like today, and objects that lie in several tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import models

import pgaudit_log
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.testing import isolated
from tests.projects import MODELS, Project, project
from tests.support import execute
from tests.tables import install, make, tracked_table


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as made:
        yield made


@pytest.mark.slow
def test_renamed_fields_and_models_read_on_under_the_new_name(store: Project) -> None:
    owner = "    owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)\n"
    before = MODELS.replace("max_length=50)\n", "max_length=50)\n" + owner, 1)
    store.write("store/models.py", before)
    store.manage("makemigrations", "store")
    store.manage("migrate")
    store.shell(
        """
        from django.contrib.auth.models import User
        from store.models import Item
        item = Item.objects.create(name="a", owner=User.objects.create(username="ana"))
        Item.objects.update(name="b")
        """
    )
    store.write(
        "store/migrations/0002_rename.py",
        """
        from django.db import migrations

        class Migration(migrations.Migration):
            dependencies = [("store", "0001_initial")]
            operations = [
                migrations.RenameField("item", "name", "title"),
                migrations.RenameField("item", "owner", "holder"),
                migrations.RenameModel("Item", "Thing"),
            ]
        """,
    )
    after = before.replace("name =", "title =", 1).replace("owner =", "holder =", 1)
    store.write("store/models.py", after.replace("class Item", "class Thing"))
    store.manage("makemigrations", "store")
    assert "No changes" in store.manage("makemigrations", "--check")
    store.manage("migrate")
    output = store.shell(
        """
        from store.models import Thing, ThingEvent
        Thing.objects.update(title="c")
        thing = Thing.objects.get()
        for event in thing.events.order_by("pgh_id"):
            print(event.pgh_obj_model, event.title, event.holder.username, event.pgh_obj == thing)
        print(ThingEvent.objects.filter(title="b").count())
        """
    )
    assert output.splitlines() == [
        "store.Item a ana True",
        "store.Item b ana True",
        "store.Thing c ana True",
        "1",
    ]


@pytest.mark.slow
def test_a_column_that_is_renamed_by_hand_is_captured_on(store: Project) -> None:
    store.manage("makemigrations", "store")
    store.write(
        "store/migrations/0002_rename.py",
        """
        from django.db import migrations

        def write(apps, editor):
            Item = apps.get_model("store", "Item")
            Item.objects.create(title="a")
            Item.objects.update(title="b")

        class Migration(migrations.Migration):
            dependencies = [("store", "0001_initial")]
            operations = [
                migrations.RenameField("item", "name", "title"),
                migrations.RunPython(write),
            ]
        """,
    )
    store.manage("migrate")
    assert "{'title': ['a', 'b']}" in store.shell(
        "from pgaudit_log.models import Events; print(Events.objects.last().pgh_diff)"
    )


@pytest.mark.slow
def test_a_column_that_is_removed_by_hand_makes_no_write_fail(store: Project) -> None:
    store.manage("makemigrations", "store")
    store.write(
        "store/migrations/0002_remove.py",
        """
        from django.db import migrations

        class Migration(migrations.Migration):
            dependencies = [("store", "0001_initial")]
            operations = [
                migrations.RemoveField("item", "name"),
                migrations.RunPython(lambda apps, e: apps.get_model("store", "Item").objects.create()),
            ]
        """,
    )
    output = store.manage("migrate")
    assert "The trigger pgtrigger_audit_insert_" in output
    assert "run makemigrations" in output
    store.write(
        "store/models.py",
        MODELS.replace("    name = models.CharField(max_length=50)\n", "    pass\n"),
    )
    assert "W003" in store.manage("check", "--database", "default")
    store.manage("makemigrations", "store")
    store.manage("migrate")
    assert "W003" not in store.manage("check", "--database", "default")


@pytest.fixture
def forget(db: None) -> Iterator[None]:
    with isolated():
        yield


pytestmark = pytest.mark.usefixtures("forget")


def test_declared_former_names_read_on_under_the_new_one() -> None:
    thing = tracked_table(
        "Moved",
        track={"former_labels": ["old_app.Thing"], "former_columns": {"size": ["length", "len"]}},
        size=models.IntegerField(),
    )
    for snapshot in ('{"id": 1, "len": 1}', '{"id": 1, "length": 2}', '{"id": 1, "length": null}'):
        execute(
            "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot)"
            " VALUES ('old_app.Thing', '1', 'insert', 'I', %s)",
            [snapshot],
        )
    moved = thing.objects.create(pk=1, size=4)
    assert [event.size for event in moved.events.order_by("pgh_id")] == [1, 2, None, 4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"former_labels": "old.Thing"}, "give a list of labels"),
        ({"former_labels": ["Thing"]}, "give a list of labels"),
        ({"former_columns": {"nope": ["x"]}}, 'no field "nope"'),
        ({"former_columns": {"id": "x"}}, "give a list of columns"),
    ],
)
def test_wrong_former_names_are_an_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        pgaudit_log.track(**arguments)(make("Thing"))


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("now", "stored", "values"),
    [
        (
            models.IntegerField(),
            ['"abc"', '"12"', "13", "1e30", "true", "[1]", "null"],
            [None, 12, 13, None, None, None, None],
        ),
        (
            models.UUIDField(),
            ["5", '"018f0000-0000-7000-8000-000000000001"'],
            [None, "018f0000-0000-7000-8000-000000000001"],
        ),
        (models.BooleanField(), ['"yes"', "true", "0"], [None, True, None]),
        (
            models.DateField(),
            ['"soon"', '"2024-02-30"', '"2024-02-29"'],
            [None, None, "2024-02-29"],
        ),
        (models.DateTimeField(), ['"2024-01-01"', "7"], ["2024-01-01 00:00:00+00:00", None]),
        (
            models.DecimalField(max_digits=5, decimal_places=2),
            ['"x"', "123456.789"],
            [None, "123456.789"],
        ),
        (models.FloatField(), ['"x"', "1.5"], [None, 1.5]),
        (
            models.CharField(max_length=2),
            ["5", '{"a": 1}', '"longer"'],
            ["5", '{"a": 1}', "longer"],
        ),
        (models.GenericIPAddressField(), ['"nowhere"', '"10.0.0.1"'], [None, "10.0.0.1"]),
        (models.JSONField(), ['"text"', "5", "null"], ["text", 5, None]),
    ],
)
def test_values_of_an_earlier_type_do_not_break_reading(
    now: Any, stored: list[str], values: list[Any]
) -> None:
    thing = tracked_table("Typed", v=now)
    for value in stored:
        execute(
            "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot)"
            f" VALUES ('shop.Typed', '1', 'insert', 'I', '{{\"id\": 1, \"v\": {value}}}')"
        )
    found = [event.v for event in thing.pgh_event_model.objects.all()]
    assert [
        v if v is None or type(v) is type(e) else str(v) for v, e in zip(found, values, strict=True)
    ] == values


@pytest.fixture
def inheritance() -> Any:
    parent = make("Animal", name=models.TextField(default="unknown"))
    pgaudit_log.track()(parent)
    child = make("Dog", (parent,), breed=models.TextField(default="mutt"))
    pgaudit_log.track()(child)
    grandchild = make("Puppy", (child,), age=models.IntegerField(default=0))
    pgaudit_log.track()(grandchild)
    install(parent, child, grandchild)
    return parent, child, grandchild


def states(events: Any) -> list[tuple[Any, ...]]:
    """Return what each event says of the whole object."""
    return [(e.pgh_obj_model, e.pgh_operation, e.name, e.breed) for e in events.order_by("pgh_id")]


def test_plain_tracking_of_parent_and_child_has_no_check_error(inheritance: Any) -> None:
    assert run_checks() == []


def test_one_accessor_shows_the_whole_object(inheritance: Any) -> None:
    parent, child, _ = inheritance
    other = parent.objects.create(name="cat")
    dog = child.objects.create(name="Rex", breed="lab")
    dog.name = "Max"
    dog.save()
    child.objects.update(breed="pug")
    assert states(dog.events) == [
        ("shop.Animal", "I", "Rex", None),
        ("shop.Dog", "I", "Rex", "lab"),
        ("shop.Animal", "U", "Max", "lab"),
        ("shop.Dog", "U", "Max", "pug"),
    ]
    assert other.events.count() == 1
    assert parent.objects.get(pk=dog.pk).events.count() == 2
    assert child.pgh_event_model.objects.count() == 4
    assert child.objects.filter(events__name="Max", events__breed="lab").get() == dog


def test_a_deleted_object_is_whole(inheritance: Any) -> None:
    _, child, _ = inheritance
    child.objects.create(name="Rex", breed="lab")
    child.objects.get().delete()
    assert states(child.pgh_event_model.objects)[2:] == [
        ("shop.Dog", "D", "Rex", "lab"),
        ("shop.Animal", "D", "Rex", "lab"),
    ]


def test_three_generations(inheritance: Any) -> None:
    *_, grandchild = inheritance
    puppy = grandchild.objects.create(name="Bit", breed="pug", age=1)
    grandchild.objects.update(name="Bob")
    last = puppy.events.order_by("pgh_id").last()
    assert (last.name, last.breed, last.age, last.pgh_obj) == ("Bob", "pug", 1, puppy)
    assert puppy.events.count() == 4


def test_the_events_of_a_whole_object_use_the_index(inheritance: Any) -> None:
    import json

    _, child, _ = inheritance
    execute(
        "INSERT INTO shop_animal (name) SELECT 'a' || n FROM generate_series(1, 2000) AS n;"
        "INSERT INTO shop_dog (animal_ptr_id, breed) SELECT id, 'pug' FROM shop_animal"
    )
    execute("ANALYZE pgaudit_log_event")
    dog = child.objects.first()
    plan = json.dumps(json.loads(dog.events.all().explain(format="json")))
    assert f"obj_pk = '{dog.pk}'" in plan
    assert dog.events.count() == 2


def test_a_child_of_an_untracked_parent_shows_its_own_table() -> None:
    parent = make("Plant", name=models.TextField())
    child = make("Tree", (parent,), height=models.IntegerField())
    pgaudit_log.track()(child)
    install(parent, child)
    tree = child.objects.create(name="oak", height=3)
    assert [event.height for event in tree.events.all()] == [3]
    assert not hasattr(tree.events.get(), "name")


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_changed_key_is_recorded_with_both_keys() -> None:
    thing = tracked_table(
        "Coded", code=models.CharField(max_length=9, primary_key=True), n=models.IntegerField()
    )
    thing.objects.create(code="a", n=1)
    execute("UPDATE shop_coded SET code = 'b', n = 2")
    event = thing.objects.get().events.get()
    assert (event.pgh_obj_key, event.pgh_diff) == ("b", {"code": ["a", "b"], "n": [1, 2]})


REUSED = MODELS.replace(
    "    name = models.CharField(max_length=50)\n",
    "    title = models.CharField(max_length=50)\n    name = models.CharField(max_length=9, default='')\n",
)


@pytest.mark.slow
def test_a_squashed_history_forgets_no_name(store: Project) -> None:
    store.manage("makemigrations", "store")
    store.manage("migrate")
    store.shell("from store.models import Item; Item.objects.create(name='a')")
    store.write(
        "store/migrations/0002_reuse.py",
        """
        from django.db import migrations, models

        class Migration(migrations.Migration):
            dependencies = [("store", "0001_initial")]
            operations = [
                migrations.RenameField("item", "name", "title"),
                migrations.AddField("item", "name", models.CharField(default="", max_length=9)),
            ]
        """,
    )
    store.write("store/models.py", REUSED)
    store.manage("makemigrations", "store")
    store.manage("migrate")
    store.manage("squashmigrations", "store", "0001", "0003", "--noinput")
    for old in store.folder.glob("store/migrations/000*.py"):
        if "squashed" not in old.name:
            old.unlink()
    store.manage("migrate")
    output = store.shell(
        """
        from store.models import Item
        Item.objects.update(name="b")
        item = Item.objects.get()
        for event in item.events.order_by("pgh_id"):
            print(event.title, event.name)
        print(Item.objects.as_of(item.events.earliest("pgh_id")).get().title)
        """
    )
    assert output.splitlines() == ["a None", "a b", "a"]


@pytest.mark.slow
def test_a_model_that_is_renamed_in_the_state_alone_keeps_its_events(store: Project) -> None:
    store.manage("makemigrations", "store")
    store.manage("migrate")
    store.shell("from store.models import Item; Item.objects.create(name='a')")
    store.write(
        "store/migrations/0002_rename.py",
        """
        from django.db import migrations

        class Migration(migrations.Migration):
            dependencies = [("store", "0001_initial")]
            operations = [
                migrations.SeparateDatabaseAndState(
                    database_operations=[migrations.AlterModelTable("Item", "goods")],
                    state_operations=[
                        migrations.RenameModel("Item", "Good"),
                        migrations.AlterModelTable("Good", "goods"),
                    ],
                )
            ]
        """,
    )
    meta = "    class Meta:\n        db_table = 'goods'\n"
    moved = MODELS.replace("class Item", "class Good").replace(
        "max_length=50)\n", f"max_length=50)\n\n{meta}"
    )
    store.write("store/models.py", moved)
    store.manage("makemigrations", "store")
    store.manage("migrate")
    output = store.shell(
        """
        from store.models import Good
        Good.objects.update(name="b")
        for event in Good.objects.get().events.order_by("pgh_id"):
            print(event.pgh_obj_model, event.name)
        """
    )
    assert output.splitlines() == ["store.Item a", "store.Good b"]
