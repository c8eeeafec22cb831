"""What migrations hold of captures makes the same SQL for ever."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import migrations
from django.db.migrations.writer import MigrationWriter

from pgaudit_log.capture_v1 import (
    AddCaptureTriggers,
    CaptureTriggersOfModels,
    RemoveCaptureTriggers,
)
from tests.format.capture_examples import FROZEN, examples, frozen, hash_of, operation_of

HELD: dict[str, Any] = json.loads(FROZEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("example", HELD)
def test_what_a_migration_holds_makes_the_sql_that_it_made_when_it_was_written(
    example: str,
) -> None:
    """If it fails, databases that are migrated from nothing get other triggers than there are.

    Take the change of ``capture_v1`` back: other SQL is another version of the room.
    """
    operation = AddCaptureTriggers(**HELD[example]["operation"])
    assert [hash_of(trigger) for trigger in operation.triggers] == [HELD[example]["hash"]]


def test_the_same_is_held_of_the_same_models() -> None:
    """If it fails, the next release lets ``makemigrations`` make migrations in each project."""
    assert frozen() == HELD


def written(operation: Any) -> str:
    """Return the migration that holds an operation, as ``makemigrations`` writes it."""
    migration = type("Migration", (migrations.Migration,), {"operations": [operation]})
    return MigrationWriter(migration("0001", "shop")).as_string()


def read(text: str) -> Any:
    """Return the operation of a migration."""
    names: dict[str, Any] = {}
    exec(text, names)
    [operation] = names["Migration"].operations
    return operation


def test_each_comes_back_from_the_migration_that_it_is_written_into() -> None:
    for triggers in examples().values():
        for _, trigger in triggers:
            operation = operation_of(trigger)
            back = read(written(operation))
            assert back.triggers == operation.triggers == [trigger]
            assert back.deconstruct() == operation.deconstruct()


def test_all_triggers_of_a_model_come_back_from_one_operation() -> None:
    for triggers in examples().values():
        alike = [trigger for _, trigger in triggers if trigger.table == triggers[0][1].table]
        table = alike[0].table
        operation = AddCaptureTriggers(
            "thing", table.plain(), [trigger.data.plain(table) for trigger in alike]
        )
        assert read(written(operation)).triggers == alike


def test_a_removal_comes_back_as_well() -> None:
    operation = RemoveCaptureTriggers("thing", ["audit_insert", "audit_update"])
    assert read(written(operation)).deconstruct() == operation.deconstruct()


def test_operations_on_several_models_come_back_as_one() -> None:
    [(_, one), (_, other), *_] = examples()["Plain"]
    operation = CaptureTriggersOfModels([operation_of(one), operation_of(other)])
    back = read(written(operation))
    assert [part.triggers for part in back.operations] == [[one], [other]]


def test_a_migration_is_read_at_a_glance() -> None:
    [trigger, *_] = [made for name, made in examples()["Plain"] if name == "update, STATEMENT"]
    lines = [line.strip() for line in written(operation_of(trigger)).splitlines()]
    start = lines.index("pgaudit_log.capture_v1.AddCaptureTriggers(")
    assert lines[start + 1 : start + 12] == [
        "model_name='thing',",
        "table={",
        "'name': 'shop_plain',",
        "'model': 'shop.Plain',",
        "'key': ['id'],",
        "'columns': ['id', 'name'],",
        "},",
        "triggers=[",
        "{'changes': 'AnyChange', 'name': 'audit_update', 'operation': 'UPDATE'},",
        "],",
        "),",
    ]


def test_it_imports_nothing_that_may_be_moved() -> None:
    [(_, trigger), *_] = examples()["Conditioned"]
    imports = re.findall(r"^(?:import|from) .*", written(operation_of(trigger)), re.M)
    assert imports == ["import pgaudit_log.capture_v1", "from django.db import migrations"]
