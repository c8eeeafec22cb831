"""A column that a migration written by hand changes is captured on, or it is told."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from django.contrib.auth.models import Group
from django.db import connection, migrations, models
from django.db.migrations.state import ModelState, ProjectState

import pgaudit_log
from pgaudit_log.database import installation
from pgaudit_log.testing import isolated
from tests.support import execute, trail
from tests.tables import install, make, tracked_table

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    with isolated():
        yield


def alter(model: Any, name: str, new: models.Field[Any, Any], called: str | None = None) -> None:
    """Alter a field as a migration does."""
    old = model._meta.get_field(name)
    new.set_attributes_from_name(called or name)
    new.model = model
    with connection.schema_editor() as editor:
        editor.alter_field(model, old, new)


def drop(model: Any) -> None:
    with connection.schema_editor() as editor:
        editor.delete_model(model)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (models.CharField(max_length=5), models.TextField()),
        (models.IntegerField(), models.BigIntegerField()),
        (models.IntegerField(), models.TextField()),
        (models.CharField(max_length=9), models.CharField(max_length=9, db_collation="C")),
        # For which Django alters the type, too.
        (models.CharField(max_length=9), models.CharField(max_length=9, db_comment="a letter")),
    ],
    ids=["text", "bigint", "integer to text", "collation", "comment"],
)
@pytest.mark.parametrize(
    "condition",
    [None, pgaudit_log.AnyChange("v"), pgaudit_log.Condition('OLD."v" IS DISTINCT FROM NEW."v"')],
    ids=["any change", "change of it", "SQL"],
)
@pytest.mark.parametrize(
    "level", [pgaudit_log.Row, pgaudit_log.Statement], ids=["row", "statement"]
)
def test_a_column_in_a_condition_changes_its_type_and_all_is_well(
    before: Any, after: Any, condition: Any, level: Any
) -> None:
    tracker = (
        pgaudit_log.UpdateEvent(condition=condition) if condition else pgaudit_log.UpdateEvent()
    )
    check_type_change("shop_typed", tracker, before.clone(), after.clone(), level)


def test_a_column_is_renamed_and_gets_its_default_at_once() -> None:
    # Django renames the column first, and then fills it in.
    thing = tracked_table(
        "Filled",
        pgaudit_log.UpdateEvent(),
        v=models.IntegerField(null=True),
        other=models.IntegerField(default=1),
        key=models.ForeignKey("auth.Group", models.CASCADE, null=True),
    )
    try:
        thing.objects.create()
        group = Group.objects.create(name="g").pk
        alter(thing, "v", models.IntegerField(default=7, db_column="w"))
        alter(
            thing,
            "key",
            models.ForeignKey(Group, models.CASCADE, default=group, db_column="g"),
        )
        execute("UPDATE shop_filled SET other = 2")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT diff - 'id' FROM pgaudit_log_event WHERE model = 'shop.Filled' ORDER BY id"
            )
            changes = [json.loads(row[0]) for row in cursor.fetchall()]
        assert changes == [{"w": [None, 7]}, {"g": [None, group]}, {"other": [1, 2]}]
    finally:
        drop(thing)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("kind", [models.ForeignKey, models.OneToOneField, "its parent"])
@pytest.mark.parametrize(
    "condition", [None, pgaudit_log.Condition("OLD.to_id IS DISTINCT FROM NEW.to_id")]
)
@pytest.mark.parametrize(
    "level", [pgaudit_log.Row, pgaudit_log.Statement], ids=["row", "statement"]
)
def test_a_column_that_points_at_one_that_changes_its_type_is_captured_on(
    kind: Any, condition: Any, level: Any
) -> None:
    target = make("Target", id=models.IntegerField(primary_key=True))
    is_child = kind == "its parent"
    to = (models.OneToOneField if is_child else kind)(
        target, models.CASCADE, parent_link=is_child, primary_key=is_child
    )
    bases = (target,) if is_child else (models.Model,)
    pointing = make("Pointing", bases, to=to, n=models.IntegerField(default=0))
    tracker = pgaudit_log.UpdateEvent(**({"condition": condition} if condition else {}))
    pgaudit_log.track(pgaudit_log.InsertEvent(), tracker, level=level)(pointing)
    with connection.schema_editor() as editor:
        editor.create_model(target)
    install(pointing)
    try:
        execute("INSERT INTO shop_target VALUES (1), (2)")
        execute("INSERT INTO shop_pointing (to_id, n) VALUES (1, 0)")
        [(_, insert)] = pgtrigger.registered("shop.Pointing:audit_insert")
        execute(f"ALTER TABLE shop_pointing DISABLE TRIGGER {insert.get_pgid(pointing)}")
        # As a migration, which knows no typed events: to alter what points there is Django's.
        before = ProjectState()
        for model in (target, pointing):
            before.add_model(ModelState.from_model(model))
        after = before.clone()
        key = models.BigIntegerField(primary_key=True)
        operation = migrations.AlterField("target", "id", key)
        operation.state_forwards("shop", after)
        with connection.schema_editor() as editor:
            operation.database_forwards("shop", editor, before, after)
        assert installation.missing_triggers("default") == ["shop.Pointing:audit_insert (disabled)"]
        execute("UPDATE shop_pointing SET to_id = 2")
        assert trail()[-1][2] == {"to_id": [1, 2]}
    finally:
        drop(pointing)
        drop(target)


@pytest.mark.parametrize(
    "level", [pgaudit_log.Row, pgaudit_log.Statement], ids=["row", "statement"]
)
def test_a_column_gets_another_type_and_its_default_at_once(level: Any) -> None:
    # Django fills it in after it has altered the type.
    thing = tracked_table(
        "Filled",
        pgaudit_log.UpdateEvent(),
        track={"level": level},
        v=models.IntegerField(null=True),
    )
    try:
        thing.objects.create()
        alter(thing, "v", models.BigIntegerField(default=7))
        assert trail()[-1][2] == {"v": [None, 7]}
    finally:
        drop(thing)


@pytest.mark.parametrize("table", ["Shop typed", "shop-täble", "select"])
def test_the_table_may_be_called_as_it_likes(table: str) -> None:
    before, after = models.CharField(max_length=5), models.TextField()
    check_type_change(table, pgaudit_log.UpdateEvent(), before, after, pgaudit_log.Row)


def check_type_change(table: str, tracker: Any, before: Any, after: Any, level: Any) -> None:
    thing = tracked_table(
        "Typed", tracker, track={"level": level}, v=before, Meta={"db_table": table}
    )
    try:
        thing.objects.create(v=1)
        alter(thing, "v", after)
        assert "shop.Typed:audit_update" not in installation.missing_triggers("default")
        thing.objects.update(v=2)
        assert set(trail()[-1][2]) == {"v"}
    finally:
        drop(thing)


@pytest.mark.parametrize(
    "condition", [pgaudit_log.AnyChange("v"), pgaudit_log.Condition("OLD.v <> NEW.v")]
)
@pytest.mark.parametrize(
    "level", [pgaudit_log.Row, pgaudit_log.Statement], ids=["row", "statement"]
)
def test_a_trigger_that_is_off_stays_off_as_its_column_changes_its_type(
    condition: Any, level: Any
) -> None:
    thing = tracked_table(
        "Typed",
        pgaudit_log.UpdateEvent(condition=condition),
        track={"level": level},
        v=models.IntegerField(),
    )
    try:
        execute("ALTER TABLE shop_typed DISABLE TRIGGER USER")
        alter(thing, "v", models.BigIntegerField())
        assert execute(
            "SELECT tgenabled::text FROM pg_trigger"
            " WHERE tgrelid = 'shop_typed'::regclass AND tgname LIKE 'pgtrigger%'"
        ) == [("D",)]
    finally:
        drop(thing)


def test_a_trigger_goes_loudly_with_a_column_that_only_its_condition_has(caplog: Any) -> None:
    thing = tracked_table(
        "Typed",
        pgaudit_log.UpdateEvent(condition=pgaudit_log.AnyChange("v")),
        track={"level": pgaudit_log.Row, "exclude": ["v"]},
        v=models.IntegerField(),
        w=models.IntegerField(default=1),
    )
    try:
        with caplog.at_level(logging.WARNING, "pgaudit_log"), connection.schema_editor() as editor:
            editor.remove_field(thing, thing._meta.get_field("v"))
        assert "Changes of shop_typed go unrecorded" in caplog.text
        execute("INSERT INTO shop_typed (w) VALUES (1); UPDATE shop_typed SET w = 2")
    finally:
        execute("DROP TABLE shop_typed CASCADE")
