"""A transaction is itself for ever, and no id is given twice: after a restore, numbers go on."""

from __future__ import annotations

import io

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import transaction

from pgaudit_log.database import installation
from pgaudit_log.models import Events
from pgaudit_log.reversal import revert, undo
from tests.shop.models import Customer
from tests.support import execute, unguarded

pytestmark = pytest.mark.django_db

INCARNATION = 2**48


def warnings() -> list[str]:
    return [message.id for message in run_checks(tags=["database"], databases=["default"])]


def move_elsewhere() -> None:
    """Make the log believe that it was written by another server."""
    execute("UPDATE pgaudit_log_incarnation SET database = 'another/1'")


@pytest.fixture
def customer() -> Customer:
    return Customer.objects.create(name="Ana")


def test_the_first_incarnation_changes_no_number(customer: Customer) -> None:
    [(number, here)] = execute(
        "SELECT number, database = pgaudit_log_database() FROM pgaudit_log_incarnation"
    )
    assert (number, here) == (0, True)
    assert execute("SELECT txid_current()") == [(Events.objects.get().pgh_txid,)]
    assert "pgaudit_log.W006" not in warnings()


def test_a_new_incarnation_begins_in_another_database(customer: Customer) -> None:
    before = Events.objects.get()
    move_elsewhere()
    assert "pgaudit_log.W006" in warnings()
    assert installation.install().incarnation == 1
    assert warnings() == []
    Customer.objects.update(name="Bea")
    after = Events.objects.latest("pgh_id")
    assert after.pgh_txid == before.pgh_txid + INCARNATION
    assert execute("SELECT pgaudit_log_txid()") == [(after.pgh_txid,)]
    assert installation.install() == installation.Report()


def test_transactions_of_the_same_number_are_not_mixed(customer: Customer) -> None:
    before = Events.objects.get()
    move_elsewhere()
    installation.install()
    other = Customer.objects.create(name="Bea")
    after = Events.objects.latest("pgh_id")
    assert after.pgh_txid % INCARNATION == before.pgh_txid
    assert list(Events.objects.in_transaction(after)) == [after]
    assert list(Events.objects.in_transaction(before.pgh_txid)) == [before]
    undo(txid=after.pgh_txid).apply()
    assert list(Customer.objects.all()) == [customer]
    assert not Customer.objects.filter(pk=other.pk).exists()


def test_what_a_plan_wrote_is_found_by_its_number(customer: Customer) -> None:
    move_elsewhere()
    installation.install()
    Customer.objects.update(name="Bea")
    applied = revert(customer, to=Events.objects.earliest("pgh_id")).apply()
    assert Events.objects.latest("pgh_id").pgh_txid == applied.txid > INCARNATION
    assert Events.objects.in_transaction(applied.txid).exists()


def test_events_of_transactions_that_are_yet_to_come_begin_an_incarnation(
    customer: Customer,
) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (txid, model, obj_pk, label, operation, shape, role)"
        " VALUES (txid_current() + 1000000, 'shop.Customer', '7', 'insert', 'I', 1, session_user)"
    )
    assert "pgaudit_log.W006" in warnings()
    assert installation.install().incarnation == 1
    assert "pgaudit_log.W006" not in warnings()
    Customer.objects.update(name="Bea")
    assert Events.objects.latest("pgh_id").pgh_txid > INCARNATION


def test_an_incarnation_that_was_forgotten_is_not_begun_again(customer: Customer) -> None:
    for _ in range(2):
        move_elsewhere()
        installation.install()
    Customer.objects.update(name="Bea")
    with unguarded("pgaudit_log_incarnation"):
        execute("TRUNCATE pgaudit_log_incarnation")
    assert "pgaudit_log.W006" in warnings()
    assert installation.install().incarnation == 3


def test_a_log_without_events_has_nothing_to_tell_apart(db: None) -> None:
    move_elsewhere()
    assert installation.install() == installation.Report()
    assert execute("SELECT number FROM pgaudit_log_incarnation") == [(0,)]
    assert warnings() == []


def test_a_default_that_is_not_the_incarnations_is_mended(customer: Customer) -> None:
    move_elsewhere()
    installation.install()
    execute("ALTER TABLE pgaudit_log_event ALTER COLUMN txid SET DEFAULT txid_current()")
    assert "pgaudit_log.W006" in warnings()
    assert installation.install().incarnation is None
    Customer.objects.update(name="Bea")
    assert Events.objects.latest("pgh_id").pgh_txid > INCARNATION


def test_imported_events_begin_no_incarnation(customer: Customer) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (id, txid, model, obj_pk, label, operation, shape, role)"
        " OVERRIDING SYSTEM VALUE VALUES (-5, 2^60, 'shop.Customer', '7', 'insert', 'I', 1, 'x')"
    )
    assert warnings() == []
    assert installation.install() == installation.Report()


def test_a_sequence_behind_the_ids_is_mended(customer: Customer) -> None:
    largest = Events.objects.get().pgh_id + 1000
    execute(
        "INSERT INTO pgaudit_log_event (id, model, obj_pk, label, operation, shape, role)"
        f" OVERRIDING SYSTEM VALUE VALUES ({largest}, 'shop.Customer', '7', 'insert', 'I', 1, 'x')"
    )
    assert "pgaudit_log.W007" in warnings()
    out = io.StringIO()
    call_command("pgaudit_log", "install", stdout=out)
    assert f"Set the sequence of ids to {largest}" in out.getvalue()
    assert warnings() == []
    Customer.objects.update(name="Bea")
    assert Events.objects.latest("pgh_id").pgh_id == largest + 1


def test_the_command_says_that_an_incarnation_began(customer: Customer) -> None:
    move_elsewhere()
    out = io.StringIO()
    call_command("pgaudit_log", "install", stdout=out)
    assert "Began incarnation 1" in out.getvalue()
    out = io.StringIO()
    call_command("pgaudit_log", "install", stdout=out)
    assert out.getvalue() == "Everything is in place.\n"


@pytest.mark.django_db(transaction=True)
def test_where_all_is_well_nobody_is_waited_for(customer: Customer) -> None:
    from django.db import connections

    other = connections["default"].copy("default")
    try:
        with transaction.atomic():
            Customer.objects.update(name="Bea")
            with other.cursor() as cursor:
                cursor.execute("SET lock_timeout = '100ms'")
                cursor.execute("SELECT * FROM pgaudit_log_renew_numbers()")
                assert cursor.fetchone() == (None, None)
    finally:
        other.close()


@pytest.mark.django_db(transaction=True)
def test_a_server_that_writes_meanwhile_is_not_behind(customer: Customer) -> None:
    from django.db import connections

    other = connections["default"].copy("default")
    try:
        with transaction.atomic():
            Customer.objects.update(name="Bea")
            with other.cursor() as cursor:
                cursor.execute("INSERT INTO shop_customer (name) VALUES ('later')")
            assert warnings() == []
    finally:
        other.close()
