"""Golden databases: one scripted history, recorded by a peer and by this package, in a project of its own.

What this package captured is put aside and deleted, as if it had not been there. So what an
import writes can be held against what a trigger would have written, to the letter.
"""

from __future__ import annotations

import ast
import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.projects import SETTINGS, Project, project

MODELS = """
import uuid

import pgaudit_log
{imports}
from django.contrib.postgres.fields import ArrayField, DateRangeField
from django.db import models

EVERYTHING = [pgaudit_log.InsertEvent(), pgaudit_log.UpdateEvent(), pgaudit_log.DeleteEvent()]


{customer}
@pgaudit_log.track(*EVERYTHING, model_name="CustomerAudit", obj_field=None)
class Customer(models.Model):
    code = models.CharField(max_length=600, primary_key=True)
    name = models.CharField(max_length=50)
{customer_end}

{tag}
@pgaudit_log.track(*EVERYTHING, model_name="TagAudit", obj_field=None)
class Tag(models.Model):
    word = models.CharField(max_length=20)
{tag_end}

{order}
@pgaudit_log.track(*EVERYTHING, model_name="OrderAudit", exclude=["secret"], obj_field=None)
class Order(models.Model):
    customer = models.ForeignKey(Customer, models.SET_NULL, null=True, related_name="orders")
    follows = models.OneToOneField("self", models.SET_NULL, null=True)
    tags = models.ManyToManyField(Tag)
    number = models.CharField(max_length=20, unique=True)
    fixed = models.CharField(max_length=3, default="a")
    total = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    weight = models.FloatField(default=0)
    data = models.JSONField(null=True)
    words = ArrayField(models.TextField(), default=list)
    days = DateRangeField(null=True)
    blob = models.BinaryField(default=b"")
    token = models.UUIDField(default=uuid.uuid4)
    lasts = models.DurationField(null=True)
    day = models.DateField(null=True)
    hour = models.TimeField(null=True)
    paper = models.FileField(null=True)
    state = models.CharField("state", max_length=9, db_column="State of it", default="new")
    secret = models.CharField(max_length=20, default="")
    changed = models.DateTimeField(auto_now=True)
    # Names that what is told of records could have, too.
    place = models.CharField(max_length=9, default="shelf")
    kind = models.CharField(max_length=9, default="small")
    comment = models.TextField(default="none")
    user_id = models.IntegerField(null=True)
    created_at = models.DateTimeField(null=True)
    record_id = models.IntegerField(default=3)
    context = models.JSONField(default=dict)
    unknown = models.BooleanField(default=False)
{order_end}

{through}
@pgaudit_log.track(*EVERYTHING, model_name="OrderTagAudit", obj_field=None)
class OrderTag(Order.tags.through):
    class Meta:
        proxy = True
"""

BEGIN = """
import datetime, json
from decimal import Decimal
from django.contrib.auth.models import User
from django.db import connection, transaction
from store.models import *
import pgaudit_log

TRACKED = {"store.Customer": Customer, "store.Tag": Tag, "store.Order": Order,
           "store.Order_tags": Order.tags.through}
LEFT_OUT = {"secret"}  # what neither peer nor package has
moments = []

def sql(text, *params):
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        return cursor.fetchall() if cursor.description else None

def rows(past=None):
    # As text, whatever the types are.
    found = {}
    for label, model in TRACKED.items():
        objects = model.objects.all() if past is None else model.objects.as_of(past)
        values = [f.attname for f in model._meta.concrete_fields if f.name not in LEFT_OUT]
        found[label] = sorted(repr(one) for one in objects.values_list(*values))
    return found

def step():
    moments.append([sql("SELECT clock_timestamp()")[0][0].isoformat(), rows()])
"""

END = """
EVENTS = "SELECT model, obj_pk, label, operation, shape, snapshot::text, diff::text, refs" \\
    " FROM pgaudit_log_event WHERE model LIKE 'store.%%' ORDER BY model, {order}"
own = [list(row) for row in sql(EVENTS.format(order="id"))]
sql("ALTER TABLE pgaudit_log_event DISABLE TRIGGER USER")
sql("DELETE FROM pgaudit_log_event")
for guard in ("change", "truncate"):
    sql(f"ALTER TABLE pgaudit_log_event ENABLE ALWAYS TRIGGER pgaudit_log_refuse_{guard}")
open("golden.json", "w").write(json.dumps({"own": own, "moments": moments}))
"""

READ = """
import json
from datetime import datetime
golden = json.load(open("golden.json"))
"""


def settings_with(*apps: str) -> str:
    """Return the settings of a project with some apps in the place of this package."""
    names = "".join(f'    "{name}",\n' for name in apps)
    return SETTINGS.replace('    "pgaudit_log",\n', names)


class Golden:
    """A project whose history a peer has recorded, and this package, which has forgotten it."""

    def __init__(self, made: Project) -> None:
        self.project = made

    def shell(self, code: str) -> str:
        """Return what some code prints in the project."""
        return self.project.shell(BEGIN + READ + textwrap.dedent(code))

    def ask(self, code: str) -> Any:
        """Return what some code, whose last line is an expression, evaluates to, through JSON."""
        *before, last = ast.parse(textwrap.dedent(code)).body
        asked = f"print(json.dumps({ast.unparse(last)}, default=str))"
        return json.loads(self.shell("\n".join([*map(ast.unparse, before), asked])))

    @property
    def own(self) -> list[list[Any]]:
        """What this package had captured: model, key, label, operation, shape, snapshot, diff, refs."""
        found: list[list[Any]] = json.loads((self.project.folder / "golden.json").read_text())[
            "own"
        ]
        return found

    def imported_from_elsewhere(self, peer: str) -> list[list[Any]]:
        """Take back what was imported, import it by another alias of the database; return what is there."""
        settings = self.project.folder / "settings.py"
        settings.write_text(
            settings.read_text() + '\nDATABASES["old"] = {**DATABASES["default"]}\n'
        )
        self.project.manage("pgaudit_log", "import", peer, "--withdraw", "--apply")
        assert self.imported() == []
        self.project.manage("pgaudit_log", "import", peer, "--from-database", "old", "--apply")
        return self.imported()

    def imported(self) -> list[list[Any]]:
        """Return the same of what is there now, by model, in the order of ids."""
        found: list[list[Any]] = self.ask(
            """
            EVENTS = (
                "SELECT model, obj_pk, label, operation, shape, snapshot::text, diff::text, refs"
                " FROM pgaudit_log_event WHERE model LIKE 'store.%%' AND id < 0 ORDER BY model, id"
            )
            sql(EVENTS)
            """
        )
        return found


@contextmanager
def golden(folder: Path, models: str, script: str, *apps: str) -> Iterator[Golden]:
    """Make a project with ``models``, run the script in it, and forget what this package captured."""
    with project(folder) as made:
        made.environment["PYTHONWARNINGS"] = ""  # those of a peer are not ours to mend
        made.write("settings.py", settings_with(*apps))
        made.write("store/models.py", models)
        made.manage("makemigrations", "store")
        made.manage("migrate")
        made.shell(BEGIN + textwrap.dedent(script) + END)
        yield Golden(made)
