"""The load of the example: its books notice what is lost, and a short run of it loses nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

import pgaudit_log
from example_project.load.books import Books
from example_project.load.chores import Chore, usual
from example_project.load.latencies import Latencies
from example_project.load.results import Result
from example_project.load.waits import Waits
from tests.meanwhile import Meanwhile, until_it_waits
from tests.projects import Project, project
from tests.shop.models import Customer


def write(token: str, count: int) -> None:
    with pgaudit_log.context(load=token):
        Customer.objects.bulk_create(Customer(name=token) for _ in range(count))


@pytest.mark.django_db
def test_books_balance_from_one_time_to_the_next() -> None:
    write("before", 3)
    books = Books()
    books.begin()
    write("a", 2)
    write("b", 1)
    books.check({"a": 2})
    write("c", 4)
    books.check({"b": 1, "c": 4})  # what was acknowledged late is found all the same
    assert (books.transactions, books.expected, books.found) == (3, 7, 7)
    assert (books.lost, books.doubled, books.first_wrong) == (0, 0, [])


@pytest.mark.django_db
def test_books_notice_what_is_lost_and_what_is_doubled() -> None:
    books = Books()
    books.begin()
    write("half", 1)
    write("twice", 4)
    books.check({"half": 3, "twice": 2, "never": 5})
    assert (books.lost, books.doubled) == (7, 2)
    assert books.first_wrong == [
        "half: 1 events instead of 3",
        "twice: 4 events instead of 2",
        "never: 0 events instead of 5",
    ]


def test_percentiles_are_as_exact_as_their_classes() -> None:
    latencies = Latencies()
    for milliseconds in range(1, 101):
        latencies.add(float(milliseconds), f"statement {milliseconds}")
    other = Latencies()
    other.join(json.loads(json.dumps(latencies.as_document())))
    assert other == latencies
    assert (other.longest, other.what) == (100.0, "statement 100")
    assert other.percentile(0.5) == pytest.approx(50, rel=0.05)
    assert other.percentile(0.99) == pytest.approx(99, rel=0.05)
    assert Latencies().percentile(0.99) == 0


@pytest.mark.django_db(transaction=True)
def test_a_wait_for_a_lock_is_seen() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('application_name')")
        [name] = cursor.fetchone()
    waits = Waits(application=name)
    waits.begin()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE shop_customer")
        other = Meanwhile(lambda: Customer.objects.create(name="waits"))
        until_it_waits(other)
        while not waits.longest_for_table:
            assert other.is_alive()
    other.done()
    waits.end()
    assert waits.table == waits.what == "RowExclusiveLock of shop_customer"


@pytest.mark.django_db
def test_looking_for_waits_never_fails_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("example_project.load.waits.WAITING", "SELECT no_such_column, %s")
    waits = Waits(application="none")
    waits.begin()
    assert waits._thread is not None
    waits._thread.join(60)
    with pytest.raises(DatabaseError, match="no_such_column"):
        waits.end()


RESULT: dict[str, Any] = {
    "transactions": 1,
    **dict.fromkeys(["writers", "failed", "events_expected", "events_found"], 0),
    **dict.fromkeys(["lost", "doubled", "statements"], 0),
    **dict.fromkeys(["seconds", "median_ms", "p99_ms", "longest_ms"], 0.0),
    **dict.fromkeys(["longest_lock_wait_ms", "longest_table_lock_wait_ms"], 0.0),
    **dict.fromkeys(["longest_statement", "longest_lock_wait", "longest_table_lock_wait"], ""),
    **dict.fromkeys(["chores", "problems", "findings", "errors"], ()),
}
CHORE = {"command": "check", "runs": 3, "failures": 1, "longest": 1.0, "errors": ["no"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"transactions": 0},
        {"lost": 1},
        {"doubled": 1},
        {"failed": 1},
        {"problems": ("pgaudit_log.W003",)},
        {"findings": ("missing",)},
        {"chores": (CHORE,)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_result_is_good_only_if_all_is(wrong: dict[str, Any]) -> None:
    assert Result(**RESULT).is_good
    result = Result(**RESULT | wrong)
    assert not result.is_good
    assert result.as_document()["good"] is False


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("example")) as made:
        made.environment |= {
            "DATABASE_URL": made.environment["PROJECT_DATABASE_URL"],
            "DJANGO_SETTINGS_MODULE": "example_project.settings",
            "PYTHONUTF8": "1",
        }
        yield made


@pytest.mark.slow
def test_a_past_is_for_a_new_shop_and_is_over_when_the_load_begins(shop: Project) -> None:
    arguments = ["--past=3", "--minutes=0.02", "--writers=1", "--beside=version"]
    printed = shop.manage("generate_load", *arguments, "--json")
    assert json.loads(printed[printed.index("{") :])["good"], printed
    days = """
from django.utils import timezone
from pgaudit_log.models import Events
events = Events.objects.order_by("pgh_id")
print([(timezone.now() - event.pgh_created_at).days for event in (events.first(), events.last())])
ids = list(events.values_list("pgh_created_at", flat=True))
print(ids == sorted(ids))
"""
    assert shop.shell(days).splitlines() == ["[4, 0]", "True"]
    printed = shop.manage("generate_load", *arguments, fails=True)
    assert "A past can be given to a new database only" in printed


@pytest.mark.slow
def test_a_short_load_loses_nothing(shop: Project) -> None:
    arguments = ["--minutes=0.15", "--writers=3", "--rate=60", "--every=3", "--open-read"]
    printed = shop.manage("generate_load", *arguments, "--json")
    result = json.loads(printed[printed.index("{") :])
    assert result["good"], printed
    assert (result["lost"], result["doubled"], result["failed"]) == (0, 0, 0)
    assert result["events_found"] == result["events_expected"] > result["transactions"] > 0
    assert result["statements"] > 0
    assert [chore["command"] for chore in result["chores"]] == usual()
    assert all(chore["runs"] > 0 for chore in result["chores"])


@pytest.mark.slow
def test_a_chore_that_fails_makes_it_fail(shop: Project) -> None:
    arguments = ["--minutes=0.05", "--writers=1", "--every=1", "--beside=no_such_command"]
    printed = shop.manage("generate_load", *arguments, fails=True)
    assert re.search(r"^no_such_command: (\d+) times, \1 failed", printed, re.M), printed
    assert "Unknown command: 'no_such_command'" in printed
    assert "CommandError: Something is wrong" in printed


@pytest.mark.slow
def test_a_chore_keeps_account_of_itself() -> None:
    chore = Chore(command="version")
    chore.run()
    assert (chore.runs, chore.failures, chore.errors) == (1, 0, [])
    assert chore.longest > 0


@pytest.mark.slow
def test_the_age_in_a_chore_goes_down_to_a_day() -> None:
    chore = Chore(command="no_such_command_{age}", days=2)
    for _ in range(3):
        chore.run()
    ages = [re.search(r"no_such_command_(\d)", error) for error in chore.errors]
    assert [found and found[1] for found in ages] == ["2", "1", "1"]
