"""Views of what is no longer tracked go; what is not ours, and what others depend on, stays."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.db import models

from pgaudit_log.database import installation
from pgaudit_log.testing import isolated
from tests import tables
from tests.support import execute

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def view() -> str:
    """The name of the view of a model that was tracked until a moment ago."""
    with isolated():
        model = tables.tracked_table("Abandoned", name=models.TextField())
        name: str = model.pgh_event_model._meta.db_table
    return name


def exists(name: str) -> bool:
    return execute("SELECT to_regclass(%s) IS NOT NULL", [name])[0][0] is True


def installed() -> tuple[str, str]:
    """Return what `install` wrote to its output and beside it."""
    out, err = io.StringIO(), io.StringIO()
    call_command("pgaudit_log", "install", stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_view_of_what_is_no_longer_tracked_is_dropped_and_told(view: str) -> None:
    assert exists(view)
    assert f"Dropped the view {view}, whose model is no longer tracked.\n" in installed()[0]
    assert not exists(view)
    assert installation.install().dropped_views == ()


def test_a_comment_of_somebody_else_before_ours_changes_nothing(view: str) -> None:
    [(mark,)] = execute("SELECT obj_description(%s::regclass, 'pg_class')", [view])
    execute(f"COMMENT ON VIEW {view} IS 'for reports\n{mark}'")
    assert installation.install().dropped_views == (view,)


def test_views_that_are_declared_stay() -> None:
    assert "shop_orderevent" not in installation.install().dropped_views
    assert exists("shop_orderevent")


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    "made",
    [
        "CREATE VIEW theirs AS SELECT * FROM pgaudit_log_event",
        "CREATE VIEW theirs AS SELECT 1 AS one; COMMENT ON VIEW theirs IS 'pgaudit_log:abc'",
        "CREATE TABLE theirs (id int); COMMENT ON TABLE theirs IS 'pgaudit_log:abc'",
        """
        CREATE SCHEMA elsewhere;
        CREATE VIEW elsewhere.theirs AS SELECT * FROM pgaudit_log_event;
        COMMENT ON VIEW elsewhere.theirs IS 'pgaudit_log:abc'
        """,
    ],
    ids=["no comment", "does not read events", "a table", "in another schema"],
)
def test_what_is_not_ours_is_never_dropped(made: str) -> None:
    execute(made)
    assert "theirs" not in installation.install().dropped_views
    assert exists("elsewhere.theirs" if "elsewhere" in made else "theirs")


def test_a_view_that_something_depends_on_stays_and_is_told(view: str, caplog: Any) -> None:
    execute(f"CREATE VIEW report AS SELECT pgh_id FROM {view}")
    report = installation.install()
    assert report.dropped_views == ()
    assert exists(view) and exists("report")
    [message] = [record.message for record in caplog.records]
    assert message == (
        f"The view {view} shows what is no longer tracked, and was not dropped: view report depends"
        f" on view {view}. Drop it by hand."
    )
    assert message in installed()[1]
