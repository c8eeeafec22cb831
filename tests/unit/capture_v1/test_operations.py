"""The operations of migrations change the state, and the models that are rendered of it."""

from __future__ import annotations

from typing import Any

import pgtrigger
import pytest
from django.db import migrations, models
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter
from pgtrigger.migrations import AddTrigger, RemoveTrigger

from pgaudit_log.capture_v1 import (
    AddCaptureTriggers,
    CaptureTriggersOfModels,
    RemoveCaptureTriggers,
)
from pgaudit_log.database.capture_operations import of_models, together

TABLE = {"name": "shop_thing", "model": "shop.Thing", "key": ["id"], "columns": ["id", "name"]}
INSERT = {"name": "audit_insert", "operation": "INSERT"}
DELETE = {"name": "audit_delete", "operation": "DELETE"}
FREE = {
    "name": "audit_free",
    "operation": "DELETE",
    "condition": "\"old.name\" > 'x'",
    "condition_columns": ["old.name"],
}


def state(*operations: Any, is_rendered: bool) -> ProjectState:
    """Return the state of an app with a model ``Thing`` after some operations."""
    made = ProjectState()
    fields = [("id", models.AutoField(primary_key=True)), ("name", models.TextField())]
    migrations.CreateModel("Thing", fields).state_forwards("shop", made)
    if is_rendered:
        _ = made.apps
    for operation in operations:
        operation.state_forwards("shop", made)
    return made


def names(made: ProjectState) -> list[str]:
    """Return the names of the model's triggers in a state."""
    return [trigger.name for trigger in made.models["shop", "thing"].options["triggers"]]


def rendered_names(made: ProjectState) -> list[str]:
    """Return the names that the rendered model shows."""
    meta: Any = made.apps.get_model("shop", "thing")._meta
    assert meta.original_attrs["triggers"] == meta.triggers
    return [trigger.name for trigger in meta.triggers]


def test_triggers_come_and_go_beside_those_of_others() -> None:
    other = AddTrigger("thing", pgtrigger.Protect(name="keep", operation=pgtrigger.Delete))
    add = AddCaptureTriggers("thing", TABLE, [INSERT, DELETE])
    remove = RemoveCaptureTriggers("Thing", ["audit_insert"])
    for is_rendered in (False, True):
        made = state(other, add, remove, is_rendered=is_rendered)
        assert names(made) == rendered_names(made) == ["keep", "audit_delete"]


def test_models_are_not_rendered_anew() -> None:
    made = state(is_rendered=True)
    before = made.apps.get_model("shop", "thing")
    AddCaptureTriggers("thing", TABLE, [INSERT]).state_forwards("shop", made)
    assert made.apps.get_model("shop", "thing") is before


def test_each_state_has_its_own_where_conditions_are_bound_to_columns() -> None:
    made = state(AddCaptureTriggers("thing", TABLE, [FREE]), is_rendered=True)
    earlier = made.clone()
    RemoveCaptureTriggers("thing", ["audit_free"]).state_forwards("shop", made)
    assert rendered_names(earlier) == ["audit_free"]
    assert rendered_names(made) == []


def test_a_trigger_is_never_written_by_itself() -> None:
    [trigger] = AddCaptureTriggers("thing", TABLE, [INSERT]).triggers
    with pytest.raises(TypeError, match="audit_insert of shop.Thing cannot be written by itself"):
        MigrationWriter.serialize(AddTrigger("thing", trigger).deconstruct()[2]["trigger"])


def test_what_belongs_together_is_one_operation() -> None:
    add = AddCaptureTriggers("thing", TABLE, [INSERT, DELETE])
    other = AddCaptureTriggers("thing", {**TABLE, "columns": ["id"]}, [FREE])
    added = [AddTrigger("thing", trigger) for trigger in (*add.triggers, *other.triggers)]
    removed = [RemoveTrigger("thing", name) for name in ("audit_insert", "audit_delete", "keep")]
    for number, operation in enumerate([*removed, *added]):
        operation._auto_deps = ["all", number]
    captures = {("thing", "audit_insert"), ("thing", "audit_delete")}
    made = together([*removed, *added], captures)
    assert [operation.deconstruct() for operation in made] == [
        (
            "RemoveCaptureTriggers",
            [],
            {"model_name": "thing", "names": ["audit_insert", "audit_delete"]},
        ),
        ("RemoveTrigger", [], {"model_name": "thing", "name": "keep"}),
        add.deconstruct(),
        other.deconstruct(),
    ]
    assert [operation._auto_deps for operation in made] == [
        ["all", 0, 1],
        ["all", 2],
        ["all", 3, 4],
        ["all", 5],
    ]


def test_operations_that_do_the_same_to_several_models_become_one() -> None:
    insert = AddCaptureTriggers("thing", TABLE, [INSERT])
    delete = AddCaptureTriggers("thing", TABLE, [DELETE])
    remove = RemoveCaptureTriggers("other", ["audit_insert"])
    index = migrations.AddIndex("thing", models.Index(fields=["name"], name="by_name"))
    made = of_models([remove, insert, delete, index, insert])
    assert made[0] is remove
    assert isinstance(made[1], CaptureTriggersOfModels)
    assert made[1].operations == [insert, delete]
    assert made[2:] == [index, insert]


def test_operation_on_several_models_changes_the_state_as_each_does() -> None:
    add = CaptureTriggersOfModels(
        [AddCaptureTriggers("thing", TABLE, [INSERT]), AddCaptureTriggers("thing", TABLE, [DELETE])]
    )
    for is_rendered in (False, True):
        made = state(add, is_rendered=is_rendered)
        assert names(made) == rendered_names(made) == ["audit_insert", "audit_delete"]


@pytest.mark.parametrize(
    ("operation", "said", "symbol", "fragment"),
    [
        (
            CaptureTriggersOfModels([AddCaptureTriggers(name, TABLE, []) for name in ("a", "b")]),
            "Create capture triggers on models a, b",
            "+",
            "a_capture_and_more",
        ),
        (
            CaptureTriggersOfModels([RemoveCaptureTriggers(name, []) for name in ("a", "b")]),
            "Remove capture triggers from models a, b",
            "-",
            "remove_a_capture_and_more",
        ),
    ],
)
def test_operation_on_several_models_says_which(
    operation: CaptureTriggersOfModels, said: str, symbol: str, fragment: str
) -> None:
    assert operation.describe() == said
    assert operation.category.value == symbol
    assert operation.migration_name_fragment == fragment
