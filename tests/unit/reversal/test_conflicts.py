"""What is to be done with a row is judged by what there is, and what the caller wants."""

from __future__ import annotations

from typing import Any

import pytest

from pgaudit_log.exceptions import QueryError
from pgaudit_log.reversal.checking.cases import Case
from pgaudit_log.reversal.checking.conflicts import Judge
from pgaudit_log.reversal.checking.findings import Report
from pgaudit_log.reversal.obstacles import Kind
from pgaudit_log.reversal.options import Choices
from pgaudit_log.reversal.targets import Target
from pgaudit_log.values import tables
from pgaudit_log.values.tables import column_of
from tests.shop.models import Customer

FIELDS = {column_of(own): own for own in tables.own_columns(Customer)}

OLD, NEW, OTHER = ({"name": f'"{name}"'} for name in ("old", "new", "other"))


def case(state: Any, expected: Any, row: Any, **more: Any) -> Case:
    about_case = {n: more.pop(n) for n in ("unreadable", "has_other_object") if n in more}
    target = Target(model=Customer, key="5", state=state, expected=expected, **more)
    return Case(target=target, fields=FIELDS, row=row, **about_case)


def judged(case: Case, *, is_taken_over: bool = False, **choices: Any) -> Any:
    """Return what is to be done, what with, what is in the way, and what is left alone."""
    report = Report()
    judge = Judge(choices=Choices(**choices), report=report)
    step = judge.step(case, is_taken_over=is_taken_over)
    found = report.findings(())
    return (
        step and (step.action, dict(step.state)),
        [obstacle.kind for obstacle in found.obstacles],
        [obstacle.kind for obstacle in found.left_alone],
    )


UPDATE, DELETE, INSERT = ("update", OLD), ("delete", {}), ("insert", OLD)


@pytest.mark.parametrize(
    ("case", "on_conflict", "expected"),
    [
        pytest.param(case(OLD, NEW, NEW), "abort", (UPDATE, [], []), id="changed"),
        pytest.param(case(OLD, NEW, OLD), "abort", (None, [], []), id="is back already"),
        pytest.param(
            case(OLD, NEW, OTHER), "abort", (None, [Kind.CHANGED_LATER], []), id="changed later"
        ),
        pytest.param(
            case(OLD, NEW, OTHER),
            "skip",
            (None, [], [Kind.CHANGED_LATER]),
            id="changed later, skip",
        ),
        pytest.param(
            case(OLD, NEW, OTHER),
            "force",
            (UPDATE, [], [Kind.CHANGED_LATER]),
            id="changed later, force",
        ),
        pytest.param(
            case(OLD, NEW, NEW, broken={"name": ('"a"', '"b"')}),
            "abort",
            (None, [Kind.CHANGED_LATER], []),
            id="others wrote in between",
        ),
        pytest.param(case(OLD, NEW, None), "abort", (None, [Kind.DELETED], []), id="deleted"),
        pytest.param(case(None, NEW, NEW), "abort", (DELETE, [], []), id="inserted"),
        pytest.param(case(None, NEW, None), "abort", (None, [], []), id="gone already"),
        pytest.param(
            case(None, NEW, OTHER),
            "abort",
            (DELETE, [Kind.CHANGED_LATER], []),
            id="inserted and changed later",
        ),
        pytest.param(
            case(None, NEW, OTHER),
            "skip",
            (None, [], [Kind.CHANGED_LATER]),
            id="inserted and changed later, skip",
        ),
        pytest.param(case(OLD, None, None), "abort", (INSERT, [], []), id="comes back"),
        pytest.param(case(OLD, None, OTHER), "abort", (None, [Kind.EXISTS], []), id="is there"),
        pytest.param(case(OLD, None, OTHER), "force", (UPDATE, [], []), id="is there, force"),
        pytest.param(
            case(OLD, NEW, NEW, has_other_object=True),
            "skip",
            (None, [], [Kind.CHANGED_LATER]),
            id="of another object, skip",
        ),
        pytest.param(
            case({"gone": "1"}, {}, NEW), "abort", (None, [Kind.COLUMN_GONE], []), id="column gone"
        ),
        pytest.param(
            case({"name": '{"pgaudit_log.masked": true}'}, {}, NEW),
            "abort",
            (None, [Kind.MASKED], []),
            id="masked",
        ),
        pytest.param(
            case(OLD, {}, NEW, unreadable=frozenset({"name"})),
            "abort",
            (None, [Kind.UNREADABLE], []),
            id="unreadable",
        ),
        pytest.param(
            case({"name": "null"}, {}, NEW), "abort", (None, [Kind.REQUIRED], []), id="required"
        ),
    ],
)
def test_a_row_is_judged(case: Case, on_conflict: str, expected: Any) -> None:
    assert judged(case, on_conflict=on_conflict) == expected


def test_a_row_comes_back_where_another_makes_place() -> None:
    assert judged(case(OLD, None, OTHER), is_taken_over=True) == (INSERT, [], [])


def test_only_chosen_fields_change() -> None:
    both = {**OLD, "email": '"old"'}
    row = {**NEW, "email": '"new"'}

    assert judged(case(both, {}, row), fields=["name"]) == (UPDATE, [], [])


def test_fields_of_a_whole_row_are_refused() -> None:
    with pytest.raises(QueryError, match="fields= is for rows that are there before and after"):
        judged(case(None, NEW, NEW), fields=["name"])


@pytest.mark.parametrize(
    ("state", "makes_place"),
    [(None, True), ({"id": "6"}, True), ({"id": "5"}, False), (OLD, False)],
)
def test_a_row_makes_place_that_goes_or_gets_another_key(state: Any, makes_place: bool) -> None:
    assert case(state, {"id": "5"}, {"id": "5", **NEW}).makes_place is makes_place
