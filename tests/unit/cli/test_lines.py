"""A text of several lines is shown as such in a migration, and read back as it was."""

from __future__ import annotations

from typing import Any

import pgtrigger
import pytest
from django.contrib.auth.models import Group
from django.db import migrations, models
from django.db.migrations.writer import MigrationWriter
from django.test.utils import isolate_apps
from pgtrigger.migrations import AddTrigger

import pgaudit_log
from pgaudit_log.triggers.lines import Lines, without_margin
from pgaudit_log.triggers.trigger import CaptureTrigger

TEXTS = [
    "one",
    "one\n    two\n\nthree",
    'say """so"""\n',
    "back\\slash\n'x'\n",
    "a\n  \nb",
    "  a\nb",
]


@pytest.mark.parametrize("text", [*TEXTS, "a\rb\nc", "a\u2028b\nc", "", "\n", "a\tb\nc"])
def test_a_text_is_what_its_repr_says(text: str) -> None:
    assert without_margin(eval(repr(Lines(text)))) == text


@pytest.mark.parametrize("text", ["one", "one\n    two\n\nthree", "a\n  b\n    c"])
@pytest.mark.parametrize("margin", [0, 12, 24])
def test_a_margin_is_taken_away(text: str, margin: int) -> None:
    moved = f"\n{text}\n".replace("\n", "\n" + " " * margin)
    assert without_margin(moved) == text


def test_an_editor_may_strip_blank_lines() -> None:
    assert without_margin("\n    one\n\n    two\n    ") == "one\n\ntwo"


def test_a_text_of_one_line_is_left_alone() -> None:
    assert without_margin("    one") == "    one"


def written(model: Any, nested: bool = False) -> tuple[Any, str]:
    """Return a compiled trigger, and the migration that adds it."""
    trigger = CaptureTrigger(
        tracker=pgaudit_log.UpdateEvent(),
        fields=None,
        exclude=(),
        level=pgtrigger.Statement,
        created_at="now()",
    ).compile(model)
    operation: Any = AddTrigger(model_name="thing", trigger=trigger)
    if nested:
        operation = migrations.SeparateDatabaseAndState(state_operations=[operation])
    migration = type("Migration", (migrations.Migration,), {"operations": [operation]})
    return trigger, MigrationWriter(migration("0001", "shop")).as_string()


def read(text: str) -> Any:
    """Return the trigger of a migration."""
    names: dict[str, Any] = {}
    exec(text, names)
    [operation] = names["Migration"].operations
    [operation] = getattr(operation, "state_operations", [operation])
    return operation.trigger


@pytest.mark.parametrize("nested", [False, True])
def test_a_migration_shows_the_statements_and_has_them_as_they_were(nested: bool) -> None:
    trigger, text = written(Group, nested)
    lines = [line.strip() for line in text.splitlines()]
    assert "FROM old_values AS old" in lines
    assert "\\n" not in text
    assert read(text) == trigger
    assert read(text).deconstruct() == trigger.deconstruct()


@isolate_apps("tests.shop")
@pytest.mark.parametrize("column", ["a\nb", "a\n  \n b", 'a"""b', "a\\b", "a%b", "a'b\n"])
def test_the_statements_of_odd_columns_survive_a_migration(column: str) -> None:
    class Odd(models.Model):
        field = models.TextField(db_column=column)

        class Meta:
            app_label = "shop"

    trigger, text = written(Odd)
    assert read(text) == trigger
