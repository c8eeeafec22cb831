"""A package of others is upgraded under ``track_models()``: its own migrations change what is tracked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from django.db.migrations.migration import Migration

from pgaudit_log.database import migration_hooks
from tests.projects import SETTINGS, Project, project

pytestmark = pytest.mark.slow

FIRST = """
from django.db import migrations, models

# Counts each change by itself, whatever the table and its columns are called.
WITNESS = '''
CREATE TABLE witness (relation oid, operation text);
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD IS NOT DISTINCT FROM NEW THEN RETURN NULL; END IF;
    INSERT INTO witness VALUES (TG_RELID, TG_OP);
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE OR DELETE ON stock_thing
    FOR EACH ROW EXECUTE FUNCTION witness();
CREATE TRIGGER witness AFTER INSERT OR UPDATE OR DELETE ON stock_thing_parts
    FOR EACH ROW EXECUTE FUNCTION witness();
'''

class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Part", [("id", models.AutoField(primary_key=True, serialize=False))]),
        migrations.CreateModel(
            "Thing",
            [
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=900)),
                ("secret", models.CharField(max_length=20, default="hush")),
                ("amount", models.IntegerField(null=True)),
                ("parts", models.ManyToManyField("stock.Part")),
            ],
        ),
        migrations.RunSQL(WITNESS, "DROP FUNCTION witness CASCADE; DROP TABLE witness"),
    ]
"""

LATER = """
from django.db import migrations, models

def write(apps, schema_editor):
    # Inserts and updates, by whatever name the model has here.
    [model] = [m for m in apps.get_app_config("stock").get_models() if m.__name__ != "Part"]
    made = model.objects.create()
    for obj in model.objects.all():
        if obj.pk % 2:
            obj.save()
        for field in obj._meta.local_concrete_fields:
            if field.get_internal_type() == "IntegerField":
                setattr(obj, field.attname, (getattr(obj, field.attname) or 0) + 1)
        for name in ("name", "title", "amount", "colour"):
            if name in {f.name for f in obj._meta.fields} and isinstance(getattr(obj, name), str):
                setattr(obj, name, getattr(obj, name) + "x")
        obj.save()
    made.parts.add(apps.get_model("stock", "Part").objects.create())
    model.objects.filter(pk=made.pk - 3).delete() if made.pk % 4 == 0 else None
    # What foreign keys still have to check would keep the next operation from altering the table.
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")

data = migrations.RunPython(write, write)

class Migration(migrations.Migration):
    dependencies = [("stock", "BEFORE")]
    operations = [OPERATIONS]
"""

ADD = 'migrations.AddField("Thing", "colour", models.CharField(max_length=900, default="red"))'
STEPS = {
    "0002_data": "data",
    "0003_add": f"{ADD}, data",
    "0004_remove": 'migrations.RemoveField("Thing", "amount"), data',
    "0005_rename": 'migrations.RenameField("Thing", "name", "title"), data',
    "0006_retype": (
        'migrations.AlterField("Thing", "title", models.TextField()),'
        ' migrations.AlterField("Thing", "id", models.BigAutoField(primary_key=True, serialize=False)), data'
    ),
    "0007_rename_model": 'migrations.RenameModel("Thing", "Article"), data',
    "0008_rename_table": 'migrations.AlterModelTable("Article", "goods"), data',
    "0009_rename_secret": 'migrations.RenameField("Article", "secret", "code"), data',
    "0010_many": (
        'migrations.AddField("Article", "amount", models.IntegerField(null=True)), data,'
        ' migrations.RenameField("Article", "colour", "paint"), data,'
        ' migrations.AlterField("Article", "amount", models.IntegerField(default=3)), data,'
        ' migrations.RemoveField("Article", "paint"),'
        ' migrations.AddField("Article", "size", models.IntegerField(default=1)), data'
    ),
    "0011_rename_parts": 'migrations.RenameField("Article", "parts", "pieces")',
}

MODELS = """
from django.db import models

class Part(models.Model):
    id = models.AutoField(primary_key=True)

class Article(models.Model):
    id = models.BigAutoField(primary_key=True)
    title = models.TextField()
    code = models.CharField(max_length=20, default="hush")
    pieces = models.ManyToManyField(Part)
    amount = models.IntegerField(default=3)
    size = models.IntegerField(default=1)

    class Meta:
        db_table = "goods"
"""

FIRST_MODELS = """
from django.db import models

class Part(models.Model):
    id = models.AutoField(primary_key=True)

class Thing(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=900)
    secret = models.CharField(max_length=20, default="hush")
    amount = models.IntegerField(null=True)
    parts = models.ManyToManyField(Part)
"""

TRACKED = """
import pgaudit_log

pgaudit_log.track_models("stock.*", exclude=["stock.*.{secret}"], into="store")
"""

SEEN = """
    from django.db import connection
    from django.utils import timezone
    from pgaudit_log import timetravel
    from pgaudit_log.declaring import declarations

    with connection.cursor() as cursor:
        cursor.execute("SELECT lower(left(operation, 1)), count(*) FROM witness GROUP BY 1 ORDER BY 1")
        witnessed = cursor.fetchall()
        cursor.execute('''
            SELECT lower(operation::text), count(*) FROM pgaudit_log_event
            WHERE model NOT LIKE '%Part' AND operation IN ('I', 'U', 'D')
            GROUP BY 1 ORDER BY 1
        ''')
        captured = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM pgaudit_log_event WHERE snapshot::text LIKE '%hush%'")
        [told] = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE starts_with(tgname, 'pgtrigger_')")
        [triggers] = cursor.fetchone()
    print("witnessed", witnessed)
    print("captured ", captured)
    assert told == 0, told
    assert triggers == 12, triggers
    for declaration in declarations.declarations():
        model = declaration.tracked_model
        names = [f.attname for f in model._meta.local_concrete_fields if f.name != "code"]
        rows = list(model._base_manager.order_by("pk").values_list(*names))
        with timetravel.as_of(timezone.now()):
            past = list(model._base_manager.order_by("pk").values_list(*names))
        assert rows == past, (model, rows, past)
        assert rows, model
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as made:
        paths = [made.environment["PYTHONPATH"], str(tmp_path / "site-packages")]
        made.environment["PYTHONPATH"] = os.pathsep.join(paths)
        made.write(
            "settings.py", SETTINGS.replace('    "store",\n', '    "stock",\n    "store",\n')
        )
        made.write("site-packages/stock/__init__.py", "")
        made.write("site-packages/stock/migrations/__init__.py", "")
        made.write("site-packages/stock/migrations/0001_initial.py", FIRST)
        yield made


def first_release(store: Project) -> None:
    store.write("site-packages/stock/models.py", FIRST_MODELS)
    store.write("store/models.py", TRACKED.format(secret="secret"))


def last_release(store: Project) -> None:
    store.write("site-packages/stock/models.py", MODELS)
    store.write("store/models.py", TRACKED.format(secret="code"))
    before = "0001_initial"
    for name, operations in STEPS.items():
        text = LATER.replace("BEFORE", before).replace("OPERATIONS", operations)
        store.write(f"site-packages/stock/migrations/{name}.py", text)
        before = name


def all_is_captured(store: Project) -> None:
    seen = store.shell(SEEN)
    [witnessed, captured] = seen.splitlines()
    assert witnessed.partition("[")[2] == captured.partition("[")[2]
    assert "no issues" in store.manage("check", "--database", "default")
    assert "No changes detected" in store.manage("makemigrations", "--check")


def test_a_package_is_upgraded_at_once(store: Project) -> None:
    first_release(store)
    store.manage("migrate")
    last_release(store)
    store.manage("migrate")
    all_is_captured(store)


def test_a_package_is_upgraded_step_by_step(store: Project) -> None:
    first_release(store)
    store.manage("migrate")
    last_release(store)
    for name in STEPS:
        store.manage("migrate", "stock", name)
    all_is_captured(store)


def test_a_package_is_installed_from_nothing(store: Project) -> None:
    last_release(store)
    store.manage("migrate")
    all_is_captured(store)


@pytest.mark.long
def test_a_package_goes_back_and_forth(store: Project) -> None:
    last_release(store)
    store.manage("migrate")
    for name in [*reversed(STEPS), *STEPS]:
        store.manage("migrate", "stock", name)
    all_is_captured(store)


AGAIN = """
from django.db import migrations, models

def write(apps, schema_editor):
    for model in apps.get_app_config("stock").get_models():
        model.objects.create()

class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Thing",
            [
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("secret", models.CharField(max_length=20, default="hush")),
            ],
        ),
        migrations.RunPython(write),
        migrations.RenameModel("Thing", "Old"),
        migrations.CreateModel(
            "Thing",
            [
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("secret", models.CharField(max_length=20, default="public")),
            ],
        ),
        migrations.RunPython(write),
    ]
"""

OLD, THING = (
    f"""
class {name}(models.Model):
    id = models.AutoField(primary_key=True)
    secret = models.CharField(max_length=20, default="{default}")
"""
    for name, default in (("Old", "hush"), ("Thing", "public"))
)


@pytest.mark.parametrize("declared", [OLD + THING, THING + OLD], ids=["old first", "new first"])
@pytest.mark.parametrize("exclude", ["stock.Old.secret", "stock.Old"])
def test_a_name_that_is_given_again_is_not_that_of_the_first(
    store: Project, declared: str, exclude: str
) -> None:
    store.write("site-packages/stock/migrations/0001_initial.py", AGAIN)
    store.write("site-packages/stock/models.py", f"from django.db import models\n{declared}")
    store.write(
        "store/models.py",
        f'import pgaudit_log\n\npgaudit_log.track_models("stock.*", exclude=["{exclude}"], into="store")\n',
    )
    store.manage("migrate")
    captured = store.shell(
        """
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT obj_pk, snapshot ->> 'secret' FROM pgaudit_log_event ORDER BY id")
            print(cursor.fetchall())
        """
    )
    # Two of the first table, without the secret, and one of the second.
    first = [] if exclude == "stock.Old" else [("1", None), ("2", None)]
    assert captured == f"{[*first, ('1', 'public')]}\n"


@pytest.mark.parametrize("exclude", ["stock.Article.secret", "stock.*.secret", "*.*.secret"])
@pytest.mark.parametrize("way", ["upgraded", "from nothing"])
def test_a_column_that_goes_is_left_out_until_then(store: Project, way: str, exclude: str) -> None:
    first_release(store)
    if way == "upgraded":
        store.manage("migrate")
    store.write(
        "site-packages/stock/models.py",
        FIRST_MODELS.replace("Thing", "Article").replace("    secret", "    # ")
        + "    size = models.IntegerField(default=1)\n",
    )
    store.write("store/models.py", TRACKED.replace("stock.*.{secret}", exclude))
    before = "0001_initial"
    for name, operations in {
        # The triggers are made anew while the column is there.
        "0002_add": 'migrations.AddField("Thing", "size", models.IntegerField(default=1)), data',
        "0003_rename": 'migrations.RenameModel("Thing", "Article"), data',
        "0004_remove": 'migrations.RemoveField("Article", "secret"), data',
    }.items():
        text = LATER.replace("BEFORE", before).replace("OPERATIONS", operations)
        store.write(f"site-packages/stock/migrations/{name}.py", text)
        before = name
    store.manage("migrate")
    all_is_captured(store)
    # A name that was no field at any time is still told.
    store.write("store/models.py", TRACKED.format(secret="secrt"))
    assert "secrt' means no model and no field" in store.manage("check", fails=True)


FILLS = """
from django.db import migrations, models

class Fill(migrations.AddField):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        schema_editor.execute("UPDATE stock_thing SET size = 2")
        super().database_forwards(app_label, schema_editor, from_state, to_state)

class Migration(migrations.Migration):
    dependencies = [("stock", "0001_initial")]
    operations = [
        migrations.RunSQL("INSERT INTO stock_thing (name, secret) VALUES ('a', '')", ""),
        migrations.AddField("Thing", "size", models.IntegerField(default=1)),
        Fill("Thing", "weight", models.IntegerField(default=1)),
    ]
"""

PARTS = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("stock", "0001_initial")]
    operations = [
        migrations.RunSQL("INSERT INTO stock_thing (name, secret) VALUES ('a', '')", ""),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE stock_thing RENAME amount TO size",
                    "ALTER TABLE stock_thing RENAME size TO amount",
                ),
                migrations.RunSQL(
                    "UPDATE stock_thing SET size = 2", "UPDATE stock_thing SET size = 3"
                ),
            ],
            state_operations=[migrations.RenameField("Thing", "amount", "size")],
        ),
    ]
"""


@pytest.mark.parametrize("migration", [FILLS, PARTS], ids=["derived operation", "parts of one"])
def test_an_operation_of_their_own_writes_rows(store: Project, migration: str) -> None:
    first_release(store)
    store.write("site-packages/stock/migrations/0002_own.py", migration)
    store.manage("migrate", "stock")
    diffs = store.shell(
        """
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT diff -> 'size' ->> 1 FROM pgaudit_log_event WHERE operation = 'U'")
            print(cursor.fetchall())
        """
    )
    assert diffs == "[('2',)]\n"
    store.manage("migrate", "stock", "0001")
    count = "from pgaudit_log.models import Events; print(Events.objects.filter(pgh_label='update').count())"
    assert store.shell(count) == f"{2 if migration == PARTS else 1}\n"


NAME_AGAIN = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("stock", "0001_initial")]
    operations = [
        migrations.RenameField("Thing", "name", "title"),
        migrations.AddField("Thing", "name", models.CharField(max_length=9, default="hush")),
        migrations.RunSQL("INSERT INTO stock_thing (secret, title, name) VALUES ('', 'a', 'hush')"),
    ]
"""


def test_a_field_that_is_not_tracked_may_have_the_former_name_of_one(store: Project) -> None:
    first_release(store)
    store.write("site-packages/stock/migrations/0002_again.py", NAME_AGAIN)
    models = (
        FIRST_MODELS.replace("name =", "title =") + "    name = models.CharField(max_length=9)\n"
    )
    store.write("site-packages/stock/models.py", models)
    line = "import pgaudit_log\n\npgaudit_log.track_models('stock.Thing', fields=['title'], into='store')\n"
    store.write("store/models.py", line)
    store.manage("migrate")
    data = "from pgaudit_log.models import Events; print(*Events.objects.values_list('pgh_data', flat=True))"
    assert store.shell(data) == "{'title': 'a'}\n"


UNNOTICED = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("stock", "BEFORE")]
    operations = [OPERATIONS]
"""


def test_a_column_that_python_drops_refuses_no_write(store: Project) -> None:
    first_release(store)
    drop = 'e.execute("ALTER TABLE stock_thing DROP amount")'
    insert = "migrations.RunSQL(\"INSERT INTO stock_thing (name, secret) VALUES ('a', '')\")"
    remove = 'migrations.RemoveField("Thing", "amount")'
    for name, before, parts in (
        ("0002_drop", "0001_initial", f"migrations.RunPython(lambda apps, e: {drop})"),
        ("0003_write", "0002_drop", insert),
        (
            "0004_tell",
            "0003_write",
            f"migrations.SeparateDatabaseAndState(state_operations=[{remove}]), {insert}",
        ),
    ):
        text = UNNOTICED.replace("BEFORE", before).replace("OPERATIONS", parts)
        store.write(f"site-packages/stock/migrations/{name}.py", text)
    models = FIRST_MODELS.replace("    amount = models.IntegerField(null=True)\n", "")
    store.write("site-packages/stock/models.py", models)
    assert "it misses amount, so that every write would be refused" in store.manage("migrate")
    data = (
        "from pgaudit_log.models import Events; print([e.pgh_data for e in Events.objects.all()])"
    )
    assert store.shell(data) == "[{'id': 2, 'name': 'a'}]\n"
    assert "no issues" in store.manage("check", "--database", "default")


def test_triggers_follow_where_another_library_wrapped_the_migrations_first() -> None:
    @wraps(Migration.apply)
    def traced(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    original = Migration.apply
    del traced.is_followed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Migration, "apply", traced)
        migration_hooks.install()
        assert Migration.apply is not traced
        ours = Migration.apply
        migration_hooks.install()
        assert Migration.apply is ours
    migration_hooks.install()
    assert Migration.apply is original
