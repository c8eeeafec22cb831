"""Migrations that Django makes of tracked models: what they move is captured before and after."""

from __future__ import annotations

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

# Answers "yes" to Django's questions whether something was renamed.
PREPARE = """
from pathlib import Path
import re

from django.apps import apps
from django.core.management import call_command
from django.core.management.commands import makemigrations
from django.db.migrations.questioner import MigrationQuestioner

from pgaudit_log.models import Events

class Renamed(MigrationQuestioner):
    def __init__(self, *args, **kwargs):
        kwargs.pop("prompt_output", None)
        kwargs.pop("verbosity", None)
        super().__init__({"ask_rename": True, "ask_rename_model": True}, *args, **kwargs)

makemigrations.InteractiveMigrationQuestioner = Renamed

def make():
    call_command("makemigrations", verbosity=0)
    call_command("makemigrations", check_changes=True, verbosity=0)

def migrate(*arguments):
    call_command("migrate", *arguments, verbosity=0)

def model_of(*names):
    [model] = [m for m in apps.get_app_config("store").get_models() if m.__name__ in names]
    return model

def write():
    # Writes, and looks for what was captured.
    model, box = model_of("Item", "Thing"), model_of("Box", "Case")
    before = Events.objects.count()
    item = model.objects.create(box=box.objects.create(name="b"))
    [field] = [f for f in model._meta.fields if f.name in ("name", "title", "other")]
    model.objects.update(**{field.name: 7})
    [insert, update] = Events.objects.order_by("pgh_id")[before:]
    columns = sorted(f.column for f in model._meta.local_concrete_fields)
    assert sorted(insert.pgh_data) == columns, (insert.pgh_data, columns)
    assert list(update.pgh_diff) == [field.column], update.pgh_diff
    [ref] = insert.pgh_refs
    assert re.fullmatch(rf"store.(Box|Case)(#\\d+)?:{item.box_id}", ref), ref
    assert [getattr(e, field.name) for e in item.events.order_by("pgh_id")] in (["a", "7"], [1, 7])
    item.delete()
    assert Events.objects.count() == before + 3

def check():
    write()
    call_command("check", databases=["default"], fail_level="WARNING")

def squash():
    folder = Path("store/migrations")
    [last] = [path.stem for path in folder.glob("0002*.py")]
    call_command("squashmigrations", "store", last, interactive=False, verbosity=0)
    for path in folder.glob("000*.py"):
        if "squashed" in path.name:
            path.write_text(re.sub(r"    replaces = .*?\\]\\n", "", path.read_text(), flags=re.S))
        else:
            path.unlink()
"""


def run(store: Project, models: str, code: str) -> str:
    """Run ``code`` with ``models``, in a process of its own."""
    store.write("store/models.py", models)
    return store.shell(PREPARE + code)


@pytest.mark.slow
@pytest.mark.everywhere
def test_an_order_of_rows_is_captured_from_the_first_migration_on(store: Project) -> None:
    models = """
class Box(models.Model):
    name = models.CharField(max_length=50)


@pgaudit_log.track()
class Item(models.Model):
    box = models.ForeignKey(Box, models.CASCADE)

    class Meta:
        order_with_respect_to = "box"
"""
    printed = run(
        store,
        HEAD + models,
        """
make()
migrate()
from store.models import Box, Item, ItemEvent
box = Box.objects.create(name="a")
items = [Item.objects.create(box=box) for _ in range(2)]
box.set_item_order([item.pk for item in reversed(items)])
diffs = [event.pgh_diff["_order"] for event in ItemEvent.objects.filter(pgh_operation="U")]
print(sorted(diffs))
""",
    )
    assert printed == "[[0, 1], [1, 0]]\n"


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("level", ["Row", "Statement"])
def test_columns_that_come_after_their_table_are_captured_from_the_first_migration_on(
    store: Project, level: str
) -> None:
    # Two models that point at each other: the first table is made without its column.
    models = f"""
@pgaudit_log.track(level=pgaudit_log.{level})
class Item(models.Model):
    name = models.TextField(default="a")
    box = models.ForeignKey("Box", models.CASCADE, null=True)

    class Meta:
        unique_together = [("name", "box")]


@pgaudit_log.track(level=pgaudit_log.{level})
class Box(models.Model):
    name = models.TextField()
    first = models.ForeignKey(Item, models.CASCADE, null=True, related_name="+")
    items = models.ManyToManyField(Item, related_name="+")

    class Meta:
        order_with_respect_to = "first"


pgaudit_log.track(level=pgaudit_log.{level})(Box.items.through)
"""
    printed = run(
        store,
        HEAD + models,
        """
make()
assert len(list(Path("store/migrations").glob("0*.py"))) == 1
migrate()
call_command("check", databases=["default"], fail_level="WARNING")
from store.models import Box, Item
item = Item.objects.create()
box = Box.objects.create(name="b", first=item)
box.items.add(item)
Item.objects.update(box=box)
for event in Events.objects.order_by("pgh_id"):
    print(event.pgh_obj_model, *sorted(event.pgh_data), event.pgh_diff)
""",
    )
    assert printed.splitlines()[1:] == [
        "store.Item box_id id name None",
        "store.Box _order first_id id name None",
        "store.Box_items box_id id item_id None",
        "store.Item box_id id name {'box_id': [None, 1]}",
    ]


def models_of(fields: str = "", meta: str = "", *, name: str = "Item", box: str = "Box") -> str:
    body = fields or 'name = models.CharField(max_length=50, default="a")'
    return (
        HEAD
        + f"""
class {box}(models.Model):
    name = models.CharField(max_length=50)


@pgaudit_log.track(level=pgaudit_log.LEVEL)
class {name}(models.Model):
    box = models.ForeignKey({box}, models.CASCADE, null=True)
    {body}

    class Meta:
        ordering = ["pk"]
        {meta}
"""
    )


NAMED = 'name = models.CharField(max_length=50, default="a")'

CHANGES = {
    "db_table": models_of(meta='db_table = "goods"'),
    "renamed with its table": models_of(meta='db_table = "store_item"', name="Thing"),
    "renamed with another table": models_of(meta='db_table = "goods"', name="Thing"),
    "renamed": models_of(name="Thing"),
    "target's table": models_of().replace(
        "    name = models.CharField(max_length=50)\n",
        "    name = models.CharField(max_length=50)\n\n    class Meta:\n        db_table = 'boxes'\n",
        1,
    ),
    "target renamed": models_of(box="Case"),
    "order": models_of(meta='order_with_respect_to = "box"').replace('ordering = ["pk"]', ""),
    "renamed field": models_of(NAMED.replace("name", "title")),
    "db_column": models_of(NAMED.replace("max_length", 'db_column="label", max_length')),
    "renamed field, kept column": models_of(
        NAMED.replace("name", "title").replace("max_length", 'db_column="name", max_length')
    ),
    "type": models_of('name = models.TextField(default="a")'),
    "target's key": models_of().replace(
        "    name", "    id = models.AutoField(primary_key=True)\n    name", 1
    ),
    "comment": models_of(NAMED.replace("max_length", 'db_comment="a name", max_length')),
    "length": models_of(NAMED.replace("50", "70")),
    "many-to-many": models_of(
        f"{NAMED}\n    boxes = models.ManyToManyField(Box, related_name='+')"
    ),
    "added": models_of(f"{NAMED}\n    size = models.IntegerField(default=1)"),
    "removed": models_of("other = models.IntegerField(default=1)"),
    "everything": models_of(
        "title = models.TextField(default='a')\n    size = models.IntegerField(default=1)",
        'db_table = "goods"\n        order_with_respect_to = "box"',
        name="Item",
    ).replace('ordering = ["pk"]', ""),
    "a foreign key to a new model": models_of(
        f"{NAMED}\n    kind = models.ForeignKey('Kind', models.CASCADE, null=True)",
        'db_table = "goods"',
    )
    + "\n\nclass Kind(models.Model):\n    pass\n",
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("change", "level"),
    [
        *((change, "Row") for change in CHANGES),  # whose conditions are in the trigger
        ("renamed with its table", "Statement"),
        ("renamed field", "Statement"),
        ("everything", "Statement"),
    ],
)
def test_one_migration_moves_what_is_tracked(store: Project, change: str, level: str) -> None:
    before, after = (text.replace("LEVEL", level) for text in (models_of(), CHANGES[change]))
    run(store, before, "make(); migrate(); check()")
    run(store, after, "make(); migrate(); check(); migrate('store', '0001')")
    run(store, before, "migrate('store', '0001'); write()")
    run(store, after, "migrate(); check(); migrate('store', 'zero'); squash()")
    run(store, after, "migrate(); check()")


RELATED = (
    HEAD
    + """
class Box(models.Model):
    name = models.CharField(max_length=50)


@pgaudit_log.track(level=pgaudit_log.Row)
class Item(models.Model):
    name = models.CharField(max_length=50, default="a")
    boxes = models.ManyToManyField(Box)


pgaudit_log.track(level=pgaudit_log.Row)(Item.boxes.through)
"""
)

WRITE_RELATED = """
def write_related():
    model, box = model_of("Item", "Thing"), model_of("Box", "Case")
    [relation] = model._meta.many_to_many
    before = Events.objects.count()
    item = model.objects.create()
    getattr(item, relation.name).add(box.objects.create(name="b"))
    getattr(item, relation.name).clear()
    _, *events = Events.objects.order_by("pgh_id")[before:]
    assert [event.pgh_label for event in events] == ["insert", "delete"]
    columns = sorted(field.column for field in relation.remote_field.through._meta.fields)
    assert [sorted(event.pgh_data) for event in events] == [columns] * 2, columns
    # Those of the time before are its, too.
    return Events.objects.across(relation.remote_field.through).count()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"Item": "Thing"},
        {"Box": "Case"},
        {"boxes": "cases"},
        {"Field(Box)": "Field(Box, db_table='links')"},
        {"Item": "Thing", "Box": "Case"},
    ],
    ids=str,
)
def test_the_table_of_a_relation_moves_with_its_models(
    store: Project, change: dict[str, str]
) -> None:
    after = RELATED
    for old, new in change.items():
        after = after.replace(old, new)
    run(store, RELATED, f"make(); migrate()\n{WRITE_RELATED}\nassert write_related() == 2")
    check = 'call_command("check", databases=["default"], fail_level="WARNING")'
    moved = f"{WRITE_RELATED}\nassert write_related() == 4\n{check}\nmigrate('store', '0001')"
    run(store, after, f"make(); migrate()\n{moved}")
    run(store, RELATED, f"{WRITE_RELATED}\nassert write_related() == 6")


LIBRARY = """
from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=50)
    {field}

    class Meta:
        {meta}
"""

PROXY = (
    HEAD
    + """
from library.models import Item

@pgaudit_log.track(level=pgaudit_log.{level})
class ItemProxy(Item):
    class Meta:
        proxy = True
"""
)

WRITE_PROXY = """
from store.models import ItemProxy
ItemProxy.objects.create(name="a")
ItemProxy.objects.update(name="b")
columns = sorted(f.column for f in ItemProxy._meta.local_concrete_fields or ItemProxy._meta.fields)
for event in Events.objects.order_by("-pgh_id")[:2]:
    assert sorted(event.pgh_data) == columns, event.pgh_data
call_command("check", databases=["default"], fail_level="WARNING")
"""


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("level", ["Statement", "Row"])
@pytest.mark.parametrize(
    "change",
    [
        {"field": "size = models.IntegerField(default=1)"},
        {"meta": "db_table = 'goods'"},
        {"field": "box = models.ForeignKey('store.Box', models.CASCADE, null=True)"},
    ],
    ids=["a field", "its table", "a foreign key back"],
)
def test_a_proxy_waits_for_the_app_of_its_model(
    store: Project, change: dict[str, str], level: str
) -> None:
    store.write("settings.py", SETTINGS.replace('"store",', '"library",\n    "store",'))
    store.write("library/__init__.py", "")
    store.write("library/migrations/__init__.py", "")
    store.write("library/models.py", LIBRARY.format(field="", meta="ordering = ['pk']"))
    proxy = PROXY.format(level=level)
    run(store, proxy, "make(); migrate()\n" + WRITE_PROXY)
    store.write(
        "library/models.py", LIBRARY.format(**{"field": "", "meta": "ordering = ['pk']", **change})
    )
    with_box = proxy + "\n\nclass Box(models.Model):\n    pass\n"
    run(store, with_box, "make(); migrate('store')\n" + WRITE_PROXY)
