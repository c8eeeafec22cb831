"""A check tells where Django no longer goes by way of what is replaced of it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection, models
from django.db.backends.postgresql.psycopg_any import is_psycopg3
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable, Join

import pgaudit_log
from pgaudit_log.contexts.stack import current
from pgaudit_log.reading import moments
from pgaudit_log.testing import isolated
from pgaudit_log.timetravel import django_hooks, self_check
from pgaudit_log.timetravel.django_hooks import HOOKS
from pgaudit_log.timetravel.self_check import failures
from tests.tables import tracked_table

pytestmark = pytest.mark.django_db

ROWS = ".objects.as_of(…)"
SUBQUERY = "a subquery in "
BLOCK = ".objects.all() in a block of as_of()"
JOIN = ".objects.select_related("


def told() -> dict[str, str]:
    """Return the messages of the checks of hooks, by their ids."""
    return {
        str(message.id).removeprefix("pgaudit_log."): message.msg
        for message in run_checks(databases=["default"])
        if message.id in ("pgaudit_log.E011", "pgaudit_log.E012")
    }


def test_all_is_well() -> None:
    assert told() == {}


def own_get_compiler(
    self: Any, using: Any = None, connection: Any = None, elide_empty: bool = True
) -> Any:
    return ORIGINAL_GET_COMPILER(self, using, connection, elide_empty)


ORIGINAL_GET_COMPILER = Query.get_compiler.__wrapped__  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("owner", "name", "instead", "failing"),
    [
        (Query, "get_compiler", own_get_compiler, {ROWS, SUBQUERY}),
        (BaseTable, "as_postgresql", None, {ROWS, SUBQUERY, BLOCK}),
        (Join, "as_postgresql", None, {JOIN}),
    ],
)
def test_a_hook_that_is_taken_away_is_told(
    owner: Any, name: str, instead: Any, failing: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if instead is None:
        monkeypatch.delattr(owner, name)
        if owner is Join:
            # Which inherits that of its base otherwise, if not in the Django that goes another way.
            monkeypatch.setattr(owner, name, owner.as_sql, raising=False)
    else:
        monkeypatch.setattr(owner, name, instead)
    found = told()["E011"]
    for what in (ROWS, SUBQUERY, BLOCK, JOIN):
        assert (what in found) == (what in failing), found


def test_what_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(item: Any, compiler: Any, connection: Any) -> Any:
        if moments.current() is not None:
            raise TypeError("as_sql() takes another argument")
        return item.as_sql(compiler, connection)

    monkeypatch.setattr(BaseTable, "as_postgresql", refuse)
    assert "(TypeError: as_sql() takes another argument)" in told()["E011"]


def test_what_django_cannot_compile_either_is_none_of_ours() -> None:
    # Such as a join on a column with a percent sign.
    with isolated():
        tree = tracked_table(
            "Tree",
            code=models.IntegerField(unique=True),
            parent=models.ForeignKey(
                "self", models.CASCADE, db_column="of%", to_field="code", null=True
            ),
        )
        trees = [(tree, tree._meta.get_field("parent"))]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self_check, "_foreign_keys", lambda *args: trees)
            assert failures("default") == []


def test_nothing_is_read_of_tables(django_assert_num_queries: Any) -> None:
    # What tables and columns have been called is read below Django.
    with django_assert_num_queries(0):
        assert failures("default") == []


def test_a_database_without_tracked_models_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check.model_labels, "tracked_models", list)
    assert failures("default") == []


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.label)
def test_each_hook_is_in_place_once(hook: django_hooks.Hook) -> None:
    django_hooks.install()
    found = vars(hook.owner)[hook.name]
    function = getattr(found, "fget", None) or getattr(found, "__func__", found)
    if hook.name == "as_of":
        assert type(found) is django_hooks._AsOf
        return
    assert "/pgaudit_log/timetravel/" in function.__code__.co_filename
    if (below := getattr(function, "__wrapped__", None)) is not None:
        assert "/django/" in below.__code__.co_filename


def test_a_django_that_lacks_what_is_replaced_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(models.QuerySet[Any, Any]):
        pass

    hook = django_hooks.Hook(owner=Other, name="_gone", replacement=lambda found: found, since="9")
    monkeypatch.setattr(django_hooks, "HOOKS", (hook,))
    monkeypatch.setattr(django_hooks, "_is_installed", False)
    with pytest.raises(RuntimeError, match=r"replaces Other\._gone, which Django"):
        django_hooks.install()


def plain_cursor() -> Any:
    if is_psycopg3:
        from django.db.backends.postgresql import base

        return base.Cursor
    from psycopg2 import extensions

    return extensions.cursor


CARRIERS = ["auto", "comment", "setting", "id"]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("on", ["all", "writes"])
@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("outside", [True, False])
def test_contexts_arrive_with_each_carrier(
    carrier: str, on: str, outside: bool, settings: Any
) -> None:
    settings.PGAUDIT_LOG_CONTEXT_CARRIER = carrier
    settings.PGAUDIT_LOG_CONTEXT_ON = on
    with pgaudit_log.context(who="ana") if outside else nullcontext():
        assert "E012" not in told()


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_cursor_that_carries_nothing_is_told(
    carrier: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PGAUDIT_LOG_CONTEXT_CARRIER = carrier
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "cursor_factory", plain_cursor())
    assert 'sent through "default" in a context arrived without it' in told()["E012"]


def test_asking_leaves_no_moment_and_no_context() -> None:
    told()
    assert moments.current() is None and current() is None
