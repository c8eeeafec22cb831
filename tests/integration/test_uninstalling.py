"""``uninstall``: a plan first; then capture goes, and the events only where that was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import Project, project
from tests.stores import EVERYTHING, MODELS, WRITES


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as made:
        made.write("store/models.py", MODELS)
        made.manage("makemigrations", "store")
        yield made


def asked(store: Project, text: str) -> set[str]:
    """Return the rows of a query, a line each."""
    printed = store.shell(
        "from django.db import connection\ncursor = connection.cursor()\n"
        f"cursor.execute({text!r})\n"
        "print(*('|'.join(map(str, row)) for row in cursor.fetchall()), sep='\\n')"
    )
    return set(printed.splitlines())


@pytest.mark.slow
def test_a_plan_is_shown_and_nothing_written(store: Project) -> None:
    store.manage("migrate")
    before = asked(store, EVERYTHING)
    shown = json.loads(store.manage("pgaudit_log", "uninstall", "--all", "--json"))
    kinds = {step["kind"] for step in shown["steps"]}
    assert (kinds, shown["applied"]) == ({"trigger", "view", "function"}, False)
    assert shown["tracked"] == ["store.Item", "store.Item_friends"]
    assert shown["migrations"] == ["store.0001_initial"]
    assert "Say --all." in store.manage("pgaudit_log", "uninstall", "--apply", fails=True)
    assert asked(store, EVERYTHING) == before


@pytest.mark.slow
def test_capture_goes_and_events_stay_until_install_makes_it_again(store: Project) -> None:
    store.manage("migrate")
    assert store.shell(WRITES) == "4\n"
    before = asked(store, EVERYTHING)
    store.manage("pgaudit_log", "uninstall", "--all", "--apply")
    left = {line for line in asked(store, EVERYTHING) if "pgtrigger" in line or "_when_" in line}
    assert left == set()
    assert store.shell(WRITES) == "0\n"
    assert asked(store, "SELECT count(*) FROM pgaudit_log_event") == {"4"}
    refused = store.run(
        "-c",
        "import django; django.setup()\nfrom django.db import connection\n"
        "connection.cursor().execute('DELETE FROM pgaudit_log_event')",
        fails=True,
    )
    assert "events are append-only" in refused
    store.manage("pgaudit_log", "install")
    assert asked(store, EVERYTHING) == before
    assert store.shell(WRITES) == "4\n"


@pytest.mark.slow
def test_with_the_events_nothing_is_left_but_what_is_the_projects(store: Project) -> None:
    store.manage("migrate")
    store.shell(WRITES)
    shown = store.manage("pgaudit_log", "uninstall", "--all", "--drop-events", "--apply")
    assert "All events go with the event table" in shown
    left = {line for line in asked(store, EVERYTHING) if "audit" in line or "event" in line}
    assert left == set()
    assert asked(store, "SELECT name FROM store_item") == {"5%"}
    # The project runs on, and gets it back.
    store.manage("migrate")
    assert store.manage("pgaudit_log", "install").startswith("Made the ")
    assert store.shell(WRITES) == "4\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("view", "words", "told"),
    [
        ("store_itemevent", (), "The view store_itemevent is read by report."),
        ("pgaudit_log_event", ("--drop-events",), "The table pgaudit_log_event is read by report."),
    ],
)
def test_what_others_read_is_not_taken_from_them(
    store: Project, view: str, words: tuple[str, ...], told: str
) -> None:
    store.manage("migrate")
    store.shell(
        "from django.db import connection\n"
        f"connection.cursor().execute('CREATE VIEW report AS SELECT * FROM {view}')"
    )
    before = asked(store, EVERYTHING)
    command = ("pgaudit_log", "uninstall", "--all", *words)
    assert f"In the way: {told}" in store.manage(*command)
    assert f"Nothing was dropped. {told}" in store.manage(*command, "--apply", fails=True)
    assert asked(store, EVERYTHING) == before


@pytest.mark.slow
def test_what_is_held_is_not_dropped(store: Project) -> None:
    store.manage("migrate")
    store.manage("pgaudit_log", "hold", "add", "--model", "store.Item", "--reason", "case 7")
    before = asked(store, EVERYTHING)
    command = ("pgaudit_log", "uninstall", "--all", "--drop-events")
    told = "The hold 1 (case 7) may keep some of these events. Release it first."
    assert f"In the way: {told}" in store.manage(*command)
    assert f"Nothing was dropped. {told}" in store.manage(*command, "--apply", fails=True)
    assert asked(store, EVERYTHING) == before
    # Without its events, the log may go: they stay.
    assert "In the way" not in store.manage("pgaudit_log", "uninstall", "--all")
