"""The examples of the page "faq" run as printed, and what it says cannot be done can."""

from __future__ import annotations

import re

import pytest

from tests.seeds import pages
from tests.seeds.opening import MakeProject, Open
from tests.seeds.project import ExampleError, Session

pytestmark = pytest.mark.slow

CREATE = "m = MyModel.objects.create(field=1)"


def test_concrete_inheritance_tracks_the_child(example: Open) -> None:
    family = example("concrete_inheritance")
    family.do("child = Child.objects.create(field_a='a', field_b='b')")
    family.do("child.field_b = 'c'; child.save()")
    # One accessor shows the whole object: the insert of the parent's row comes first.
    assert family.value("child.events.values_list('pgh_label', 'field_a', 'field_b')") == [
        ("insert", "a", None),
        ("insert", "a", "b"),
        ("update", "a", "c"),
    ]


def test_concrete_inheritance_tracks_the_parent_of_a_child(example: Open) -> None:
    family = example("concrete_inheritance")
    family.do("child = Child.objects.create(field_a='a', field_b='b')")
    family.do("child.field_a = 'c'; child.save()")
    assert family.value("child.parent_ptr.events.values_list('pgh_label', 'field_a')") == [
        ("insert", "a"),
        ("update", "c"),
    ]


def test_concrete_inheritance_tracks_a_parent_without_a_child(example: Open) -> None:
    family = example("concrete_inheritance")
    family.do("parent = Parent.objects.create(field_a='a')")
    assert family.value("parent.events.values_list('pgh_label', 'field_a')") == [("insert", "a")]


def test_concrete_inheritance_filters_each_model_by_its_own_events(example: Open) -> None:
    family = example("concrete_inheritance")
    family.do("Child.objects.create(field_a='a', field_b='b')")
    assert family.value(
        "Parent.objects.filter(events__field_a='a').count(),"
        "Child.objects.filter(events__field_b='b').count()"
    ) == (1, 1)


def test_concrete_inheritance_with_names_reads_each_by_its_name(example: Open) -> None:
    family = example("concrete_inheritance_with_names")
    family.do("child = Child.objects.create(field_a='a', field_b='b')")
    assert family.value(
        "list(child.parent_ptr.parent_event.values_list('field_a', flat=True)),"
        "list(child.child_event.values_list('field_b', flat=True))"
    ) == (["a"], ["b"])


def test_concrete_inheritance_with_names_filters_by_the_query_name(example: Open) -> None:
    family = example("concrete_inheritance_with_names")
    family.do("Child.objects.create(field_a='a', field_b='b')")
    assert family.value(
        "Parent.objects.filter(parent_event_query__field_a='a').count(),"
        "Child.objects.filter(child_event_query__field_b='b').count()"
    ) == (1, 1)


@pytest.mark.parametrize("write", ["update(pgh_label='forged')", "delete()"])
def test_append_only_refuses_changes_of_events(example: Open, write: str) -> None:
    session = example("append_only")
    session.do(CREATE)
    with pytest.raises(ExampleError, match="ReadOnlyError"):
        session.do(f"m.events.{write}")


@pytest.mark.parametrize(
    "write", ["UPDATE pgaudit_log_event SET label = 'forged'", "DELETE FROM pgaudit_log_event"]
)
def test_append_only_refuses_changes_in_raw_sql(example: Open, write: str) -> None:
    session = example("append_only")
    session.do(CREATE)
    with pytest.raises(ExampleError, match="append-only"):
        session.do(f"""
            from django.db import connection, transaction

            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("{write}")
        """)


def test_querying_the_events_of_an_object(example: Open) -> None:
    session = example("querying")
    session.do("my_model_object = MyModel.objects.create(field=1)")
    session.do("MyModel.objects.create(field=2)")
    assert session.value("my_model_object.events.values_list('field', flat=True)") == [1]


def test_querying_the_events_of_a_model(example: Open) -> None:
    session = example("querying")
    session.do("MyModel.objects.create(field=1); MyModel.objects.create(field=2)")
    assert session.value("MyModel.pgh_event_model.objects.values_list('field', flat=True)") == [
        1,
        2,
    ]


def test_event_models_by_label(example: Open) -> None:
    session = example("event_models_by_label")
    session.do("model.objects.create(field=1).delete()")
    assert session.value(
        "model.pgh_event_models['label'].objects.get().pgh_label,"
        "model.pgh_event_models['another'].objects.get().pgh_label"
    ) == ("label", "another")


def test_event_model_is_none_of_several(example: Open) -> None:
    session = example("event_models_by_label")
    with pytest.raises(ExampleError, match="ValueError: .* is ambiguous"):
        session.value("model.pgh_event_model")


def test_events_stay_when_their_object_is_deleted(example: Open) -> None:
    session = example("deletion")
    session.do("MyModel.objects.create(field=1).delete()")
    assert session.value("MyModelEvent.objects.values_list('pgh_obj', 'pgh_label')") == [
        (1, "insert"),
        (1, "delete"),
    ]


def test_obj_field_can_be_set_for_all_models(make_project: MakeProject) -> None:
    example = pages.find("faq", "querying")
    project = make_project(
        [example],
        "import pgaudit_log as pghistory\n"
        "PGAUDIT_LOG_OBJ_FIELD = pghistory.ObjForeignKey(related_name='history')",
    )
    session = Session(project, example)
    session.begin()
    session.do(CREATE)
    assert session.value("m.history.values_list('field', flat=True)") == [1]


def test_append_only_can_be_set_for_all_models(make_project: MakeProject) -> None:
    project = make_project([pages.find("faq", "querying")], "PGAUDIT_LOG_APPEND_ONLY = True")
    assert project.manage("check") == "System check identified no issues (0 silenced)."


def test_nothing_needs_setting_where_migrations_are_not_run(make_project: MakeProject) -> None:
    example = pages.find("index", "quick_start")
    apps = ["contenttypes", "auth", "pgaudit_log", example.app]
    project = make_project([example], f"MIGRATION_MODULES = dict.fromkeys({apps})")
    session = Session(project, example)
    session.begin()
    session.use()


def test_values_of_a_removed_field_are_kept(make_project: MakeProject) -> None:
    example = pages.find("faq", "removed_field")
    project = make_project([example])
    project.ask("commit", app=example.app, code="MyModel.objects.create(kept=1, removed=2)")
    project.stop(drop=False)
    project.write_models(example.app, re.sub(r".*removed = .*\n", "", example.models))
    project.start()
    session = Session(project, example)
    session.begin()
    assert session.value("MyModel.objects.get().events.get().pgh_data['removed']") == 2
