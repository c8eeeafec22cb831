"""``manage.py pgaudit_log verify``: what it writes, its exit codes, and how it is gone on with."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from pgaudit_log.cli import verify as subcommand
from pgaudit_log.models import Events
from pgaudit_log.operating import verify
from tests.shop.models import Customer
from tests.support import execute, last_id

pytestmark = pytest.mark.django_db


def run(*words: str) -> tuple[int, str, str]:
    """Return the exit code of the subcommand, its output, and its error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("pgaudit_log", "verify", *words, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), err.getvalue()


@pytest.fixture
def event() -> Events:
    """The event of a customer whose name was changed past the triggers."""
    Customer.objects.create(pk=7, name="Ana")
    execute("SET session_replication_role = replica")
    execute("UPDATE shop_customer SET name = E'E\\x1bva' WHERE id = 7")
    execute("SET session_replication_role = origin")
    found: Events = Events.objects.get(pgh_id=last_id())
    return found


def test_a_clean_log_ends_with_0() -> None:
    Customer.objects.create(name="Ana")
    assert run("--model", "shop.Customer") == (0, "1 model: nothing found.\n", "")


def test_what_is_found_is_a_line_each_and_ends_with_1(event: Events) -> None:
    code, out, error = run("--model", "shop.Customer")
    at = event.pgh_created_at.isoformat()
    assert (code, error) == (1, "1 finding.")
    assert out == (
        "differs: shop.Customer 7: name is 'E\\x1bva', and was left 'Ana',"
        f" after event {event.pgh_id} ({at}), until now\n"
    )


def test_what_is_found_as_json(event: Events) -> None:
    code, out, _ = run("--model", "shop.Customer", "--json")
    assert code == 1
    assert json.loads(out) == {
        "models": [{"model": "shop.Customer", "limits": []}],
        "findings": [
            {
                "kind": "differs",
                "model": "shop.Customer",
                "object": "7",
                "field": "name",
                "expected": "Ana",
                "found": "E\x1bva",
                "after": {"event": event.pgh_id, "created_at": event.pgh_created_at.isoformat()},
                "before": None,
            }
        ],
    }


def test_what_cannot_be_judged_is_said() -> None:
    code, out, _ = run("--model", "shop.UserGroups")
    assert code == 0
    assert "Truncations are not captured" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "shop.Nothing"], "There is no model"),
        (["--model", "shop.Untracked"], "is not tracked"),
        (["--after", "7"], "Name exactly one"),
        (["--since", "noon"], "is no moment"),
    ],
)
def test_bad_input_ends_with_2(words: list[str], message: str) -> None:
    code, out, error = run(*words)
    assert (code, out) == (2, "")
    assert message in error


def test_a_moment_ends_what_is_looked_at(event: Events) -> None:
    assert run("--model", "shop.Customer", "--until", "2001-01-01")[0] == 0


def test_an_interruption_says_how_to_go_on(monkeypatch: Any) -> None:
    Customer.objects.bulk_create(Customer(pk=n, name="a") for n in (1, 2, 3))

    def interrupted(*models: Any, **options: Any) -> Iterator[Any]:
        def steps() -> Iterator[Any]:
            yield from verify(*models, **options, batch_size=2)
            raise KeyboardInterrupt

        return steps()

    monkeypatch.setattr(subcommand, "verify", interrupted)
    err = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command(
            "pgaudit_log",
            "verify",
            *("--model", "shop.Customer", "--model", "shop.Order", "--model", "shop.Product"),
            stdout=io.StringIO(),
            stderr=err,
        )
    assert caught.value.returncode == 130
    assert (
        "go on with --model shop.Customer --after '2', then with --model shop.Order --model"
        " shop.Product." in err.getvalue()
    )
    monkeypatch.undo()
    assert run("--model", "shop.Customer", "--after", "2")[0] == 0
