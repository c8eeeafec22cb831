"""Values are read exactly or not at all, and rows are rebuilt of what one knows for certain."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.postgres.fields import ArrayField, DateRangeField, DecimalRangeField
from django.db import connection, models
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_log.importing import told_values
from pgaudit_log.importing.replays import Record, replay
from pgaudit_log.importing.told_values import UNREADABLE, of_json, of_text, prepared
from tests.importing.peer_tables import at

KEY = "12345678-1234-5678-1234-567812345678"


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (models.CharField(), "None", "None"),
        (models.CharField(null=True), "None", None),
        (models.CharField(), "F(name)", UNREADABLE),
        (models.CharField(), "Ferdinand (Value)", "Ferdinand (Value)"),
        (models.TextField(), "a\x00b", UNREADABLE),
        (models.IntegerField(), "-7", -7),
        (models.IntegerField(null=True), "None", None),
        (models.IntegerField(), "2147483648", UNREADABLE),
        (models.IntegerField(), "Anna", UNREADABLE),
        (models.IntegerField(), "F(n) + Value(1)", UNREADABLE),
        (models.BooleanField(), "False", False),
        (models.FloatField(), "1e-05", 1e-05),
        (models.DecimalField(max_digits=5, decimal_places=2), "1.1", Decimal("1.10")),
        (models.DecimalField(max_digits=5, decimal_places=2), "1.105", Decimal("1.11")),
        (models.DateField(), "2024-02-29", date(2024, 2, 29)),
        (models.DateField(), "2024-02-30", UNREADABLE),
        (
            models.DateTimeField(),
            "2024-01-01 10:00:00.000001",
            datetime(2024, 1, 1, 10, 0, 0, 1, timezone.utc),
        ),
        (models.TimeField(), "23:59:59.999999", time(23, 59, 59, 999999)),
        (models.DurationField(), "-1 day, 0:00:01.500000", timedelta(days=-1, seconds=1.5)),
        (models.UUIDField(), KEY, UUID(KEY)),
        (ArrayField(models.TextField()), "['a', 'b,c', None]", ["a", "b,c", None]),
        (ArrayField(models.DateField()), "[datetime.date(2024, 1, 1)]", [date(2024, 1, 1)]),
        (ArrayField(models.TextField()), "[__import__('os')]", UNREADABLE),
    ],
)
def test_a_text_is_read_as_its_field(field: Any, text: str, value: Any) -> None:
    field.set_attributes_from_name("field")
    assert prepared(of_text(field, text, connection, is_new=True)) == value


def test_what_the_database_gave_is_not_rounded() -> None:
    field = models.DecimalField(max_digits=5, decimal_places=2)
    assert prepared(of_text(field, "1.105", connection)) == Decimal("1.105")
    assert prepared(of_text(models.CharField(), "F(name)", connection)) == "F(name)"
    assert str(prepared(of_text(models.FloatField(), "-0.0", connection))) == "-0.0"
    assert str(prepared(of_text(models.FloatField(), "-0.0", connection, is_new=True))) == "0.0"


def test_a_range_is_read_where_there_is_one_reading() -> None:
    days, numbers = DateRangeField(), DecimalRangeField()
    for text in (
        "[2024-01-01, None)",
        "(datetime.date(2024, 1, 1), None)",
        "[datetime.date(2024, 1, 1), None]",
    ):
        found = of_text(days, text, connection, is_new=True).value
        assert (found.lower, found.upper, found._bounds) == (date(2024, 1, 1), None, "[)")
    assert of_text(days, "empty", connection).value.isempty
    assert of_text(numbers, "(1, 2)", connection, is_new=True) is UNREADABLE
    assert of_text(numbers, "(1, 2)", connection).value._bounds == "()"


def test_json_keeps_null_apart_where_it_can() -> None:
    for field, expected in ((models.JSONField(null=True), None), (models.JSONField(), "null")):
        for found in (of_text(field, "null", connection), of_json(field, None, connection)):
            stored = prepared(found)
            assert stored is None if expected is None else stored is not None
    assert of_json(models.CharField(), 5, connection).value == "5"
    assert of_json(models.IntegerField(), "a", connection) is UNREADABLE


def test_a_field_that_the_orm_sets_late_or_another_class_reads_is_told() -> None:
    class Secret(models.TextField):
        def get_prep_value(self, value: Any) -> Any:
            return value[::-1]

    assert told_values.reason_against(models.DateTimeField(auto_now_add=True)) is None
    for late in (models.DateTimeField(auto_now=True), models.FileField()):
        assert told_values.reason_against(late) == "is set by the ORM after it is recorded there"
    assert told_values.is_of_django(models.EmailField())
    assert not told_values.is_of_django(Secret())


def told(*records: tuple[str, dict[str, Any], dict[str, Any]], **more: Any) -> list[Any]:
    """Return the kinds, rows and unknown columns of a life of the columns ``a`` and ``b``."""
    made = [
        Record(id=n, created_at=at(n), kind=kind, before=before, after=after, **more)
        for n, (kind, before, after) in enumerate(records)
    ]
    return [(row.kind, row.values, row.unknown) for row in replay(made, ["a", "b"])]


def test_rows_are_rebuilt_forward() -> None:
    assert told(
        ("create", {}, {"a": 1, "b": 1}),
        ("update", {"a": 1}, {"a": 2}),
        ("update", {"b": 5}, {"b": 6}),
        ("delete", {"a": 2, "b": 6}, {}),
    ) == [
        ("create", {"a": 1, "b": 1}, []),
        ("update", {"a": 2, "b": 1}, []),
        ("found", {"a": 2, "b": 5}, []),
        ("update", {"a": 2, "b": 6}, []),
        ("delete", {"a": 2, "b": 6}, []),
    ]


def test_rows_are_rebuilt_backward() -> None:
    assert told(
        ("update", {"a": 1}, {"a": 2}), ("access", {}, {}), ("delete", {"a": 2, "b": 6}, {})
    ) == [
        ("found", {"a": 1, "b": 6}, []),
        ("update", {"a": 2, "b": 6}, []),
        ("access", {"a": 2, "b": 6}, []),
        ("delete", {"a": 2, "b": 6}, []),
    ]


def test_a_row_of_which_something_was_never_told_is_none() -> None:
    assert told(("update", {"a": 1}, {"a": 2}), ("update", {"a": 2}, {"a": 3})) == [
        ("partial update", {"a": 2}, ["b"]),
        ("partial update", {"a": 3}, ["b"]),
    ]


def test_nothing_is_carried_from_one_life_to_the_next() -> None:
    assert told(
        ("create", {}, {"a": 1, "b": 1}),
        ("delete", {"a": 1, "b": 1}, {}),
        ("update", {"a": 8}, {"a": 9}),
        ("create", {}, {"a": 2, "b": 2}),
    ) == [
        ("create", {"a": 1, "b": 1}, []),
        ("delete", {"a": 1, "b": 1}, []),
        ("partial update", {"a": 9}, ["b"]),
        ("create", {"a": 2, "b": 2}, []),
    ]


def test_what_cannot_be_read_is_known_again_once_it_was_found() -> None:
    records = [
        Record(id=1, created_at=at(1), kind="create", after={"a": 1, "b": 1}),
        Record(id=2, created_at=at(2), kind="update", before={"a": 1}, doubtful=["a"]),
        Record(id=3, created_at=at(3), kind="update", before={"b": 1}, after={"b": 2}),
    ]
    later = Record(id=4, created_at=at(4), kind="update", before={"a": 7}, after={"a": 8})
    unsure = [(row.record_id, row.values) for row in replay(records, ["a", "b"])]
    assert unsure == [("1", {"a": 1, "b": 1}), ("2", {"b": 1}), ("3", {"b": 2})]
    sure = [(row.record_id, row.values) for row in replay([*records, later], ["a", "b"])]
    assert sure[1:] == [("2", {"a": 7, "b": 1}), ("3", {"a": 7, "b": 2}), ("4", {"a": 8, "b": 2})]


def test_a_column_that_was_not_there_yet_is_not_filled_in() -> None:
    records = [
        Record(id=1, created_at=at(1), kind="create", after={"a": 1}, absent=["b"]),
        Record(id=2, created_at=at(2), kind="update", before={"a": 1}, after={"a": 2}),
        Record(id=3, created_at=at(3), kind="update", before={"b": 0}, after={"b": 1}),
    ]
    found = [(row.kind, row.values) for row in replay(records, ["a", "b"])]
    assert found == [
        ("create", {"a": 1}),
        ("update", {"a": 2}),
        ("found", {"a": 2, "b": 0}),
        ("update", {"a": 2, "b": 1}),
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from("uuuda"), st.sampled_from("abc"), st.integers(0, 2)), max_size=12
    ),
    st.integers(0, 6),
)
def test_what_is_known_is_what_it_was(changes: list[tuple[str, str, int]], forgotten: int) -> None:
    """Whatever a peer has recorded since, and however late it began: known values are the right ones."""
    row: dict[str, int] | None = None
    records, truth = [], {}
    for n, (change, column, value) in enumerate(changes, 1):
        old, told = dict(row or {}), {}
        if row is None:
            row = dict.fromkeys("abc", value)
            told = {"kind": "create", "after": row}
        elif change == "d":
            told, row = {"kind": "delete", "before": row}, None
        elif change == "a":
            told = {"kind": "access"}
        elif row[column] != value:
            row = {**row, column: value}
            told = {"kind": "update", "before": {column: old[column]}, "after": {column: value}}
        if told:
            records.append(Record(id=n, created_at=at(n), **told))
            truth[n] = (old, row or {})
    for found in replay(records[forgotten:], "abc"):
        before, after = truth[found.record.id]
        right = before if found.kind in ("found", "delete") else after
        assert found.values == {name: right[name] for name in found.values}
        assert set(found.unknown) == set("abc") - found.values.keys()
        if found.kind not in {"partial update", "access"}:
            assert not found.unknown
        assert forgotten or found.kind != "found"
