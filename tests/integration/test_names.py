"""A name means what it meant when the event was written, whatever it has come to mean since."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management.color import no_style
from django.db import connection, models
from django.utils import timezone

import pgaudit_log
from pgaudit_log.database import installation, shapes
from pgaudit_log.declaring import former_names
from pgaudit_log.diffs import blame, changes, diff
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.operating import verify
from pgaudit_log.reversal import revert, undo
from pgaudit_log.testing import isolated
from tests.support import execute, last_id, role_name
from tests.tables import install, make, uninstall

pytestmark = pytest.mark.django_db


@contextmanager
def declared(model_name: str = "Thing", *, create: bool = False, **fields: Any) -> Iterator[Any]:
    """Declare and track a model as a release of a project has it; its triggers go with it."""
    with isolated():
        model = make(model_name, **fields)
        pgaudit_log.track()(model)
        install(model, create=create)
        try:
            yield model
        finally:
            uninstall(model)


def text() -> Any:
    return models.TextField(default="")


@pytest.fixture
def swapped() -> Iterator[Any]:
    """A model whose fields a and b were swapped by three renames; the object had a=1, b=2."""
    with declared(create=True, a=text(), b=text()) as before:
        thing = before.objects.create(pk=1, a="1", b="2")
        before.objects.filter(pk=thing.pk).update(a="one")
        before.objects.filter(pk=thing.pk).update(a="1")
    for old, new in (("a", "c"), ("b", "a"), ("c", "b")):
        execute(f"ALTER TABLE shop_thing RENAME COLUMN {old} TO {new}")
    with declared(a=text(), b=text()) as after:
        yield after


def test_typed_events_of_swapped_fields(swapped: Any) -> None:
    swapped.objects.update(a="two")
    assert [(e.a, e.b) for e in swapped.objects.get().events.order_by("pgh_id")] == [
        ("2", "1"),
        ("2", "one"),
        ("2", "1"),
        ("two", "1"),
    ]
    assert swapped.pgh_event_model.objects.filter(b="one").count() == 1


def test_the_past_of_swapped_fields(swapped: Any) -> None:
    first = swapped.objects.get().events.earliest("pgh_id")
    swapped.objects.update(a="two", b="uno")
    of_key = swapped.objects.as_of(first).get(pk=1)
    of_table = swapped.objects.as_of(first).get(a="2")
    assert [(o.a, o.b) for o in (of_key, of_table)] == [("2", "1")] * 2
    assert swapped.pgh_event_model.objects.as_of(timezone.now()).get().b == "uno"


def test_diffs_of_swapped_fields(swapped: Any) -> None:
    first, second, third = swapped.objects.get().events.order_by("pgh_id")
    assert [(d.name, d.old, d.new) for d in changes(second).values()] == [("b", "1", "one")]
    assert dict(diff(first, third)) == {}
    assert dict(diff(third)) == {}
    assert [(d.name, d.old, d.new) for d in diff(second).values()] == [("b", "one", "1")]


def test_blame_of_swapped_fields(swapped: Any) -> None:
    first, _, third = swapped.objects.get().events.order_by("pgh_id")
    found = blame(swapped.objects.get())
    assert (found["a"].event.pgh_id, found["a"].value) == (first.pgh_id, "2")
    assert (found["b"].event.pgh_id, found["b"].value) == (third.pgh_id, "1")


def test_changes_of_swapped_fields_are_found(swapped: Any) -> None:
    swapped.objects.update(b="uno")
    trail = Events.objects.across(swapped)
    assert [e.pgh_diff for e in trail.changed("b").order_by("pgh_id")] == [
        {"a": ["1", "one"]},
        {"a": ["one", "1"]},
        {"b": ["1", "uno"]},
    ]
    assert trail.changed("b", new="one").count() == 1
    assert trail.changed("a").count() == 0
    assert swapped.pgh_event_model.objects.changed("b", old="one").count() == 1


def test_verifying_swapped_fields(swapped: Any) -> None:
    assert list(verify([swapped])) == []
    swapped.objects.update(a="two")
    assert list(verify([swapped])) == []
    execute("SET session_replication_role = replica")
    swapped.objects.update(b="past")
    execute("SET session_replication_role = origin")
    [finding] = verify([swapped])
    assert (finding.kind, finding.field, finding.expected, finding.found) == (
        "differs",
        "b",
        "1",
        "past",
    )


def test_verifying_columns_that_are_gone_and_others_under_their_names() -> None:
    with declared(create=True, a=text(), b=text()) as before:
        before.objects.create(pk=1, a="1", b="2")
        before.objects.update(a="3")
    execute("ALTER TABLE shop_thing DROP COLUMN a")
    execute("ALTER TABLE shop_thing ADD COLUMN a integer NOT NULL DEFAULT 7")
    with declared(a=models.IntegerField(default=7), b=text()) as after:
        assert list(verify([after])) == []
        after.objects.update(b="4")
        assert list(verify([after])) == []


def test_verifying_a_model_that_is_called_otherwise() -> None:
    with declared(create=True, a=text()) as before:
        before.objects.create(pk=1, a="1")
        before.objects.create(pk=2, a="2")
    execute("ALTER TABLE shop_thing RENAME TO shop_object")
    with declared("Object", a=text()) as after:
        after.objects.filter(pk=1).update(a="3")
        after.objects.filter(pk=2).delete()
        assert list(verify([after])) == []


def test_going_back_over_swapped_fields(swapped: Any) -> None:
    second = swapped.objects.get().events.order_by("pgh_id")[1]
    revert(swapped.objects.get(), to=second).apply()
    assert swapped.objects.values_list("a", "b").get() == ("2", "one")
    undo(second, on_conflict="force").apply()
    assert swapped.objects.values_list("a", "b").get() == ("2", "1")


def test_the_name_of_a_renamed_field_may_be_used_again() -> None:
    with declared(create=True, status=text()) as before:
        before.objects.create(pk=1, status="new")
    execute("ALTER TABLE shop_thing RENAME COLUMN status TO state")
    execute("ALTER TABLE shop_thing ADD COLUMN status text NOT NULL DEFAULT ''")
    with declared(state=text(), status=text()) as after:
        after.objects.update(status="mine")
        first, second = after.objects.get().events.order_by("pgh_id")
        assert (first.state, first.status) == ("new", None)
        assert (second.state, second.status) == ("new", "mine")
        assert blame(after.objects.get())["status"].event.pgh_id == second.pgh_id
        assert Events.objects.across(after).changed("state").count() == 0
        past = after.objects.as_of(first).get(pk=1)
        assert (past.state, past.status) == ("new", None)


def test_the_name_of_a_removed_field_may_be_used_again() -> None:
    with declared(create=True, note=text()) as before:
        before.objects.create(pk=1, note="of old")
    execute("ALTER TABLE shop_thing DROP COLUMN note")
    execute("ALTER TABLE shop_thing ADD COLUMN note integer NOT NULL DEFAULT 5")
    with declared(note=models.IntegerField(default=5)) as after:
        event = after.objects.get().events.get()
        assert event.note is None
        assert event.pgh_data["note"] == "of old"
        assert "note#2" in changes(event)


def test_a_field_that_was_altered_is_the_same_field() -> None:
    with declared(create=True, size=models.IntegerField(default=1)) as before:
        before.objects.create(pk=1)
    execute("ALTER TABLE shop_thing ALTER COLUMN size TYPE text USING size::text")
    with declared(size=text()) as after:
        assert after.objects.get().events.get().size == "1"


@pytest.fixture
def reused() -> Iterator[tuple[Any, Any]]:
    """A model that was renamed to Item, and a new one under its old name; each has an object 1."""
    with declared(create=True, name=text()) as before:
        before.objects.create(pk=1, name="the first")
    execute("ALTER TABLE shop_thing RENAME TO shop_item")
    with isolated():
        item, thing = make("Item", name=text()), make("Thing", name=text())
        for model in (item, thing):
            pgaudit_log.track()(model)
        install(item, create=False)
        install(thing)
        thing.objects.create(pk=1, name="the second")
        item.objects.update(name="renamed")
        yield item, thing
        former_names.forget()


def test_a_model_that_bears_an_old_name_has_events_of_its_own(reused: tuple[Any, Any]) -> None:
    item, thing = reused
    assert [e.name for e in item.objects.get().events.order_by("pgh_id")] == [
        "the first",
        "renamed",
    ]
    assert [e.name for e in thing.objects.get().events.all()] == ["the second"]
    assert [e.pgh_obj for e in Events.objects.tracks(thing.objects.get())] == [thing.objects.get()]
    assert {e.pgh_model for e in Events.objects.across(item)} == {item}
    assert Events.objects.across("shop.Thing").get().pgh_data["name"] == "the second"
    labels = execute("SELECT label FROM pgaudit_log_label WHERE label ~ 'Thing|Item' ORDER BY 1")
    assert [label.partition("#")[0] for (label,) in labels] == [
        "shop.Item",
        "shop.Thing",
        "shop.Thing",
    ]


def test_undo_never_writes_the_row_of_another_model(reused: tuple[Any, Any]) -> None:
    item, thing = reused
    first = Events.objects.across(item).earliest("pgh_id")
    undo(first, on_conflict="force").apply()
    assert not item.objects.exists()
    assert thing.objects.get().name == "the second"


def test_the_past_of_a_model_that_bears_an_old_name(reused: tuple[Any, Any]) -> None:
    item, thing = reused
    before = Events.objects.earliest("pgh_id")
    assert item.objects.as_of(before).get().name == "the first"
    assert not thing.objects.as_of(before).exists()


def test_references_to_a_model_that_bears_an_old_name() -> None:
    with isolated():
        target, pointing = make("Target"), None
        pointing = make("Pointing", target=models.ForeignKey(target, models.CASCADE))
        for model in (target, pointing):
            pgaudit_log.track()(model)
        install(target, pointing)
        pointing.objects.create(target=target.objects.create(pk=7))
        uninstall(target, pointing)
    former_names.forget()
    execute("ALTER TABLE shop_target RENAME TO shop_goal")
    with isolated():
        goal, target = make("Goal"), make("Target")
        for model in (goal, target):
            pgaudit_log.track()(model)
        install(goal, create=False)
        install(target)
        target.objects.create(pk=7)
        assert Events.objects.references(target.objects.get()).count() == 0
        assert Events.objects.references(goal.objects.get()).count() == 1
    former_names.forget()


def test_a_table_that_was_dropped_by_a_migration_is_another_one() -> None:
    with declared(create=True, name=text()) as before:
        before.objects.create(pk=1, name="gone")
        with connection.schema_editor() as editor:
            editor.delete_model(before)
    with declared(create=True, name=text()) as after:
        after.objects.create(pk=1, name="anew")
        assert [e.name for e in after.objects.get().events.all()] == ["anew"]
        assert after.pgh_event_model.objects.count() == 1


@pytest.mark.slow
def test_a_flush_between_tests_forgets_what_tables_were_called_that_are_gone(
    reused: tuple[Any, Any],
) -> None:
    def known() -> set[str]:
        return {
            label.partition("#")[0]
            for (label,) in execute("SELECT label FROM pgaudit_log_label")
            if label.startswith(("shop.Thing", "shop.Item", "shop.Order"))
        }

    shapes.install_shapes("default")
    tracked = {"shop.Order", "shop.OrderLine"}
    assert known() == {"shop.Item", "shop.Thing", *tracked}
    for statement in connection.ops.sql_flush(no_style(), ["shop_item"]):
        execute(statement)
    assert known() == {"shop.Item", "shop.Thing", *tracked}
    execute("DROP TABLE shop_item, shop_thing CASCADE")
    for statement in connection.ops.sql_flush(no_style(), ["shop_order"], allow_cascade=True):
        execute(statement)
    assert known() == tracked


def forget_oids() -> None:
    """Make the database look as one that was restored from a dump: all oids are others."""
    execute(
        "UPDATE pgaudit_log_table SET database = 'another/1', relation = (relation::bigint + 1000000)::oid"
    )
    execute("UPDATE pgaudit_log_column SET attnum = attnum + 100 WHERE attnum IS NOT NULL")
    former_names.forget()


def test_a_restored_dump_is_read_before_anything_was_installed(swapped: Any) -> None:
    forget_oids()
    assert [(e.a, e.b) for e in swapped.objects.get().events.order_by("pgh_id")][:2] == [
        ("2", "1"),
        ("2", "one"),
    ]
    assert changes(swapped.objects.get().events.order_by("pgh_id")[1])["b"].new == "one"


def test_a_restored_dump_goes_on_where_it_was(swapped: Any) -> None:
    forget_oids()
    before = execute("SELECT count(*) FROM pgaudit_log_shape")
    installation.install()
    swapped.objects.update(a="two")
    assert execute("SELECT count(*) FROM pgaudit_log_shape") == before
    assert [(e.a, e.b) for e in swapped.objects.get().events.order_by("pgh_id")] == [
        ("2", "1"),
        ("2", "one"),
        ("2", "1"),
        ("two", "1"),
    ]


def test_a_table_that_was_made_anew_by_hand_goes_on() -> None:
    with declared(create=True, name=text()) as before:
        before.objects.create(pk=1, name="a")
        execute("CREATE TABLE copied (LIKE shop_thing INCLUDING ALL)")
        execute("INSERT INTO copied SELECT * FROM shop_thing; DROP TABLE shop_thing")
        execute("ALTER TABLE copied RENAME TO shop_thing")
        install(before, create=False)
        before.objects.update(name="b")
        assert [e.name for e in before.objects.get().events.order_by("pgh_id")] == ["a", "b"]


def test_a_column_that_was_renamed_by_hand_is_followed_by_install() -> None:
    with declared(create=True, name=text()) as before:
        before.objects.create(pk=1, name="a")
    execute("ALTER TABLE shop_thing RENAME COLUMN name TO title")
    with declared(title=text()) as after:
        after.objects.update(title="b")
        assert [e.title for e in after.objects.get().events.order_by("pgh_id")] == ["a", "b"]


def test_a_check_tells_of_a_column_that_was_renamed_by_hand() -> None:
    with declared(create=True, name=text()) as model:
        assert installation.missing_triggers("default") == []
        execute("ALTER TABLE shop_thing RENAME COLUMN name TO title")
        assert [found.partition(":")[0] for found in installation.missing_triggers("default")] == [
            model._meta.label
        ] * 4


def test_what_no_trigger_writes_has_the_shape_of_its_table() -> None:
    with isolated():
        model = make("Thing", name=text())
        pgaudit_log.track(pgaudit_log.ManualEvent("note"), pgaudit_log.InsertEvent())(model)
        install(model)
        thing = model.objects.create(pk=1, name="a")
        event = pgaudit_log.create_event(thing, label="note")
        assert event.pgh_shape == model.pgh_event_model.objects.earliest("pgh_id").pgh_shape > 0
        execute("ALTER TABLE shop_thing RENAME COLUMN name TO title")
        execute("ALTER TABLE shop_thing ADD COLUMN name text NOT NULL DEFAULT ''")
        with pytest.raises(Exception, match="Run migrate, or manage.py pgaudit_log install"):
            pgaudit_log.create_event(thing, label="note")
    former_names.forget()


def test_a_process_learns_of_shapes_that_another_one_made() -> None:
    with declared(create=True, name=text()) as model:
        model.objects.create(pk=1, name="a")
        former_names.of(model, "default")
        table, columns = execute(
            "SELECT table_id, columns FROM pgaudit_log_shape ORDER BY id DESC LIMIT 1"
        )[0]
        [(shape,)] = execute(
            "INSERT INTO pgaudit_log_shape (table_id, columns) VALUES (%s, %s::jsonb) RETURNING id",
            [
                table,
                f'{{"id": 1, "called": {columns["name"] if isinstance(columns, dict) else 2}}}',
            ],
        )
        execute(
            "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, shape, snapshot)"
            " VALUES ('shop.Thing', '1', 'insert', 'I', %s, '{\"id\": 1, \"called\": \"b\"}')",
            [shape],
        )
        event = Events.objects.get(pk=last_id())
        assert changes(event)["name"].new == "b"


def test_a_label_of_events_that_no_model_bears_is_refused_for_going_back() -> None:
    with declared(create=True, name=text()) as before:
        before.objects.create(pk=1, name="gone")
    with pytest.raises(QueryError, match="no tracked model any more"):
        undo(Events.objects.latest("pgh_id"))


def test_a_role_that_may_read_events_knows_their_names(swapped: Any) -> None:
    role = role_name("reader")
    execute(f"CREATE ROLE {role}; GRANT SELECT ON pgaudit_log_event TO {role}")
    execute(f"SET LOCAL ROLE {role}")
    former_names.forget()
    assert Events.objects.across(swapped).changed("b").count() == 2
    assert [
        d.name for d in changes(Events.objects.across(swapped).order_by("pgh_id")[1]).values()
    ] == ["b"]
    execute("RESET ROLE")
