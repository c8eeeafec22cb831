"""django-pghistory beside us: both at work, and the way from there to here, as ``upgrading.md`` says."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.markdown import DOCS, blocks
from tests.projects import SETTINGS, Project, project

pytestmark = pytest.mark.slow

THEIRS = '@pghistory.track(*all_of(pghistory), model_name="{0}Event"{1})\n'
OURS = (
    '@pgaudit_log.track(*all_of(pgaudit_log), model_name="{0}Audit"{1},'
    ' obj_field=pgaudit_log.ObjForeignKey(related_name="audit_events"))\n'
)
IMPORTS = """
import pgaudit_log
import pghistory
from django.db import models


def all_of(package):
    return package.InsertEvent(), package.UpdateEvent(), package.DeleteEvent()

"""
ITEM = """
class Item(models.Model):
    name = models.CharField(max_length=50)
    size = models.IntegerField(default=0)
"""


def settings_with(*apps: str) -> str:
    names = "".join(f'    "{name}",\n' for name in apps)
    return SETTINGS.replace('    "pgaudit_log",\n', names)


MIGRATE = """
import importlib
from django.core.management import call_command

call_command("makemigrations", "store", verbosity=0)
importlib.invalidate_caches()
call_command("migrate", verbosity=0)
"""


def made(project_of: Project, models: str, apps: tuple[str, ...], code: str) -> str:
    """Migrate a project with ``models``, and return what ``code`` prints in it."""
    project_of.environment["PYTHONWARNINGS"] = ""  # theirs are not ours to mend
    project_of.write("settings.py", settings_with(*apps))
    project_of.write("store/models.py", models)
    return project_of.shell(MIGRATE + textwrap.dedent(code))


@pytest.mark.parametrize("nearest", ["theirs", "ours"])
@pytest.mark.parametrize(
    "apps", [("pgaudit_log", "pghistory"), ("pghistory", "pgaudit_log")], ids="-".join
)
def test_both_record_the_same_model(tmp_path: Path, apps: tuple[str, str], nearest: str) -> None:
    decorators = [THEIRS.format("Item", ""), OURS.format("Item", "")]
    if nearest == "theirs":
        decorators.reverse()
    with project(tmp_path) as both:
        printed = made(
            both,
            IMPORTS + "".join(decorators) + ITEM.lstrip(),
            apps,
            """
            from store.models import *
            call_command("check", databases=["default"])
            call_command("makemigrations", "--check")
            with pghistory.context(by="them"), pgaudit_log.context(by="us"):
                item = Item.objects.create(name="a")
                Item.objects.update(name="b")
                Item.objects.all().delete()
            print([(e.pgh_label, e.name, e.pgh_context.metadata) for e in ItemEvent.objects.order_by("pgh_id")])
            print([(e.pgh_label, e.name, e.pgh_context) for e in ItemAudit.objects.order_by("pgh_id")])
            print(Item.pgh_event_model.__name__, {m.__name__ for m in Item.pgh_event_models.values()})
            print(item.audit_events.model.__name__, item.events.model.__name__)
            """,
        )
    events = "[('insert', 'a', {'by': '%s'}), ('update', 'b', {'by': '%s'}), ('delete', 'b', {'by': '%s'})]"
    name = "ItemEvent" if nearest == "theirs" else "ItemAudit"
    assert printed.splitlines() == [
        "System check identified no issues (0 silenced).",
        "No changes detected",
        events.replace("%s", "them"),
        events.replace("%s", "us"),
        f"{name} {{'{name}'}}",
        "ItemAudit ItemEvent",
    ]


def page_block(start: str) -> str:
    """Return the code block of ``upgrading.md`` that has a line with ``start``."""
    [found] = [b.code for b in blocks(DOCS / "upgrading.md") if start in b.code]
    return found


def kept(migration: str) -> str:
    """Return a migration as ``upgrading.md`` has it changed: those on the old class in another."""
    replaced = migration
    operation = (
        r"        migrations\.(?:RemoveField|DeleteModel)\(\n(?:            .*\n)+        \),\n"
    )
    found = re.findall(operation, migration)
    assert [re.findall(r"'(\w+)'", text) for text in found] == [["ItemEvent"]]
    for text in found:
        replaced = replaced.replace(text, "")
    advice = ast.parse(page_block("SeparateDatabaseAndState")).body[-1]
    assert isinstance(advice, ast.Assign) and isinstance(advice.value, ast.List)
    [separate] = advice.value.elts
    return replaced.replace("operations = [\n", f"operations = [\n{ast.unparse(separate)},\n", 1)


@pytest.mark.parametrize("append_only", [False, True], ids=["", "append only"])
def test_one_changes_over_and_keeps_the_old_events(tmp_path: Path, append_only: bool) -> None:
    theirs = f"@pghistory.track(append_only={append_only})\n"
    with project(tmp_path) as shop:
        before = IMPORTS + theirs + ITEM.lstrip()
        made(
            shop,
            before,
            ("pghistory",),
            """
            from store.models import *
            with pghistory.context(user=1):
                item = Item.objects.create(name="a")
                Item.objects.update(name="b")
            """,
        )
        shop.write("settings.py", settings_with("pghistory", "pgaudit_log"))
        shop.write("store/models.py", IMPORTS + "@pgaudit_log.track()\n" + ITEM.lstrip())
        shop.manage("makemigrations", "store")
        [path] = (shop.folder / "store" / "migrations").glob("0002_*.py")
        path.write_text(kept(path.read_text()))
        shop.manage("migrate")
        text = (DOCS / "upgrading.md").read_text()
        [command] = re.findall(r"`manage.py (pgaudit_log import .+ --table .+)`", text)
        assert "store.Item: 2 imported." in shop.manage(*command.split())
        assert "No changes" in shop.manage("makemigrations", "--check")
        assert "no issues" in shop.manage("check", "--database", "default")
        now = (shop.folder / "store" / "models.py").read_text()
        printed = made(
            shop,
            now + page_block("class OldItemEvent"),
            ("pghistory", "pgaudit_log"),
            """
            from store.models import *
            item = Item.objects.get()
            with pgaudit_log.context(user=2):
                Item.objects.update(name="c")
            print([(e.pgh_label, e.name, e.pgh_context.metadata) for e in item.old_events.order_by("pgh_id")])
            print([(e.pgh_label, e.name, e.pgh_context) for e in item.events.all()])
            """,
        )
        shop.write("store/models.py", before)
        shop.manage("migrate", "store", "0001")
        assert "2" in shop.shell(
            "from django.db import connection; c = connection.cursor();"
            "c.execute('SELECT count(pgh_obj_id) FROM store_itemevent'); print(c.fetchone()[0])"
        )
    assert printed.splitlines() == [
        "[('insert', 'a', {'user': 1}), ('update', 'b', {'user': 1})]",
        "[('insert', 'a', {'user': 1}), ('update', 'b', {'user': 1}), ('update', 'c', {'user': 2})]",
    ]


DIFFERENCES = (
    IMPORTS
    + THEIRS.format("Item", "")
    + OURS.format("Item", "")
    + ITEM.lstrip()
    + THEIRS.format("Line", "")
    + OURS.format("Line", "")
    + "class Line(models.Model):\n    item = models.ForeignKey(Item, models.CASCADE)\n"
    + THEIRS.format("Loose", ", obj_field=None")
    + '@pgaudit_log.track(*all_of(pgaudit_log), model_name="LooseAudit", obj_field=None)\n'
    + ITEM.replace("Item", "Loose").lstrip()
    + THEIRS.format("Part", ', fields=["name"]')
    + OURS.format("Part", ', fields=["name"]')
    + ITEM.replace("Item", "Part").lstrip()
)

ASK = """
import json
import pghistory.middleware, pghistory.models
import pgaudit_log.middleware, pgaudit_log.models
from contextlib import contextmanager
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpResponse
from django.test import RequestFactory
from store.models import *

@contextmanager
def context(**known):
    with pghistory.context(**known), pgaudit_log.context(**known):
        yield

def attempt(ask):
    try:
        return ask()
    except Exception as error:
        return type(error).__name__

def visit(request):
    Item.objects.create(name="visited")
    return HttpResponse()

item = Item.objects.create(name="a")
Line.objects.create(item=item)
loose = Loose.objects.create(name="a")
with context(a=1):
    Item.objects.update(size=1)
    pghistory.context(b=2)
    pgaudit_log.context(b=2)
    Item.objects.update(size=2)
with transaction.atomic():
    with context(a=1):
        after = Item.objects.create(name="b")
    Item.objects.filter(pk=after.pk).update(size=2)
request = RequestFactory().post("/")
request.user = AnonymousUser()
middleware = pgaudit_log.middleware.AuditMiddleware(visit)
pghistory.middleware.HistoryMiddleware(middleware)(request)
visited = Item.objects.get(name="visited")
found = {}
for name, package, item_events, part_events in [
    ("theirs", pghistory, ItemEvent, PartEvent),
    ("ours", pgaudit_log, ItemAudit, PartAudit),
]:
    part = Part.objects.create(name="x", size=1)
    Part.objects.filter(pk=part.pk).update(name="y", size=2)
    reverted = attempt(lambda: part_events.objects.filter(pgh_obj=part, name="x").get().revert() and None)
    part.refresh_from_db()
    trail = package.models.Events.objects
    contexts = lambda obj: [e.pgh_context for e in trail.tracks(obj).order_by("pgh_created_at", "pgh_label")]
    found[name] = {
        "without context": contexts(item)[0],
        "references": sorted({e.pgh_obj_model for e in trail.references(item)}),
        "obj_field=None": trail.tracks(loose).count(),
        "of no objects": trail.tracks(Item.objects.none()).count() > 0,
        "late": contexts(item)[1],
        "after": [c is not None for c in contexts(after)],
        "metadata": attempt(lambda: len(item_events.objects.values_list("pgh_context__metadata__a")) > 0),
        "visitor": "user" in contexts(visited)[0],
        "revert": [reverted, part.name, part.size],
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("both")
    with project(folder) as both:
        yield json.loads(made(both, DIFFERENCES, ("pghistory", "pgaudit_log"), ASK))


@pytest.mark.parametrize(
    ("question", "theirs", "ours"),
    [
        ("without context", None, None),
        ("references", ["store.Item", "store.Line"], ["store.Line"]),
        ("obj_field=None", 0, 1),
        ("of no objects", True, False),
        ("late", {"a": 1, "b": 2}, {"a": 1}),
        ("after", [True, True], [True, False]),
        ("metadata", True, "QueryError"),
        ("visitor", True, False),
        ("revert", ["RuntimeError", "y", 2], [None, "x", 2]),
    ],
)
def test_what_differs_is_what_the_page_says(
    answers: dict[str, Any], question: str, theirs: Any, ours: Any
) -> None:
    assert answers["theirs"][question] == theirs
    assert answers["ours"][question] == ours
