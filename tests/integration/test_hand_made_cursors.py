"""A cursor that is made by hand on Django's connection carries the context, if its class was told to."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction

import pgaudit_log
from pgaudit_log.contexts.cursors import carrying
from pgaudit_log.models import Events

try:
    import psycopg
except ModuleNotFoundError:
    pytest.skip("psycopg 2 has one kind of placeholders", allow_module_level=True)

pytestmark = pytest.mark.django_db

CLASSES = {
    "Cursor": "%s",
    "ClientCursor": "%s",
    "RawCursor": "$1",
}
CONTEXT = {"user": 1, "note": "50% of %s and %(name)s, $1, 'quoted' \\ \N{PILE OF POO}"}


@pytest.fixture(params=["comment", "auto", "setting", "id"])
def carrier(request: Any, settings: Any) -> Any:
    settings.PGAUDIT_LOG_CONTEXT_CARRIER = request.param
    connection.ensure_connection()
    return request.param


def cursor(name: str) -> Any:
    return carrying(getattr(psycopg, name))(connection.connection)


def contexts() -> list[Any]:
    return list(
        Events.objects.filter(pgh_obj_model="shop.Customer").values_list("pgh_context", flat=True)
    )


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("params", [None, [], ["Ana"], ["5%"]])
def test_it_carries_the_context(name: str, params: Any, carrier: str) -> None:
    value = CLASSES[name] if params else "'Ana'"
    with pgaudit_log.context(**CONTEXT), transaction.atomic():
        cursor(name).execute(f"INSERT INTO shop_customer (name) VALUES ({value})", params)
    cursor(name).execute(f"INSERT INTO shop_customer (name) VALUES ({value})", params)
    assert contexts() == [CONTEXT, None]


@pytest.mark.parametrize("name", CLASSES)
def test_it_carries_the_context_of_many_rows(name: str, carrier: str) -> None:
    statement = f"INSERT INTO shop_customer (name) VALUES ({CLASSES[name]})"
    with pgaudit_log.context(**CONTEXT), transaction.atomic():
        cursor(name).executemany(statement, [["a"], ["b"]])
    assert contexts() == [CONTEXT] * 2


@pytest.mark.parametrize("name", CLASSES)
def test_it_copies(name: str, carrier: str) -> None:
    with pgaudit_log.context(**CONTEXT), transaction.atomic():
        with cursor(name).copy("COPY shop_customer (name) FROM STDIN") as copy:
            copy.write_row(["a"])
    assert contexts() == [CONTEXT]


def test_a_row_factory_is_kept(carrier: str) -> None:
    with pgaudit_log.context(**CONTEXT):
        raw = connection.connection.cursor(row_factory=psycopg.rows.dict_row)
        raw.execute("INSERT INTO shop_customer (name) VALUES ('a') RETURNING name")
        made = carrying(psycopg.Cursor)(connection.connection, row_factory=psycopg.rows.dict_row)
        made.execute("INSERT INTO shop_customer (name) VALUES ('b') RETURNING name")
    assert (raw.fetchone(), made.fetchone()) == ({"name": "a"}, {"name": "b"})
    assert contexts() == [CONTEXT] * 2


def test_a_class_of_ones_own_keeps_its_methods() -> None:
    class Counting(psycopg.Cursor[Any]):
        asked = 0

        def execute(self, *args: Any, **kwargs: Any) -> Any:
            self.asked += 1
            return super().execute(*args, **kwargs)

    connection.ensure_connection()
    made = carrying(Counting)(connection.connection)
    with pgaudit_log.context(user=1):
        made.execute("INSERT INTO shop_customer (name) VALUES (%s)", ["a"])
    assert (made.asked, contexts()) == (1, [{"user": 1}])


def test_a_class_is_made_once() -> None:
    assert carrying(psycopg.RawCursor) is carrying(psycopg.RawCursor)
    assert carrying(carrying(psycopg.RawCursor)) is carrying(psycopg.RawCursor)


@pytest.mark.parametrize("name", ["Cursor", "ClientCursor", "RawCursor"])
def test_without_it_there_is_no_context(name: str) -> None:
    """What the documentation says of it: the driver lets nobody in between."""
    connection.ensure_connection()
    with pgaudit_log.context(user=1):
        getattr(psycopg, name)(connection.connection).execute(
            "INSERT INTO shop_customer (name) VALUES ('a')"
        )
    assert contexts() == [None]


@pytest.mark.parametrize("name", ["AsyncCursor", "AsyncClientCursor", "AsyncRawCursor"])
def test_a_cursor_that_no_connection_of_djangos_has_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="SET LOCAL"):
        carrying(getattr(psycopg, name))


@pytest.mark.parametrize("name", ["ServerCursor", "RawServerCursor"])
def test_a_server_side_cursor_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="DECLARE"):
        carrying(getattr(psycopg, name))
