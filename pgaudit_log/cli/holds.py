"""``hold``: places, releases and lists holds, which keep events from retention."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from pgaudit_log.cli import terminal_text
from pgaudit_log.cli.screen import Screen
from pgaudit_log.exceptions import QueryError
from pgaudit_log.operating import Hold, hold, holds, release
from pgaudit_log.values import moment_parser

HELP = "Keep events from retention, list what is kept, and release it."


def add_arguments(parser: ArgumentParser) -> None:
    """Add what is done, and what is held."""
    add = parser.add_argument
    add("action", choices=("add", "release", "list"), help="What is done.")
    add("number", nargs="?", type=int, help="Which hold to release, as list shows it.")
    add("--model", metavar="LABEL", help="Events of this model, such as shop.Order.")
    add("--key", metavar="KEY", help="Of this object of --model only.")
    add("--user", metavar="ID", help="Events of this user's contexts.")
    add("--since", metavar="MOMENT", help="Events since this moment.")
    add("--until", metavar="MOMENT", help="Events before this moment.")
    add("--reason", default="", metavar="TEXT", help="Why, such as the number of a case.")
    add("--by", metavar="NAME", help="Who says so; by default the role of the database.")
    add("--all", action="store_true", help="List those that were released, too.")


def run(options: Any, screen: Screen) -> None:
    """Place, release or list.

    Raises:
        QueryError: for a hold of nothing, without a reason, or that is not there.
    """
    if options.action == "list":
        _list(holds(using=options.database, released=options.all), screen)
        return
    if options.action == "add":
        done = hold(
            options.model,
            key=options.key,
            user=options.user,
            since=_moment(options.since),
            until=_moment(options.until),
            reason=options.reason,
            placed_by=options.by,
            using=options.database,
        )
    elif options.number is None:
        raise QueryError("Say which hold to release: its number, as list shows it.")
    else:
        done = release(
            options.number, reason=options.reason, released_by=options.by, using=options.database
        )
    if screen.as_json:
        screen.json(vars(done))
    else:
        screen.line(terminal_text.safe(_line(done)))


def _list(found: list[Hold], screen: Screen) -> None:
    if screen.as_json:
        screen.json({"holds": [vars(one) for one in found]})
        return
    for one in found:
        screen.line(terminal_text.safe(_line(one)))
    if not found:
        screen.line("Nothing is held.")


def _line(one: Hold) -> str:
    placed = f"{one}, placed by {one.placed_by} on {one.placed_at:%Y-%m-%d}"
    if one.released_at is None:
        return placed
    return f"{placed}, released by {one.released_by} on {one.released_at:%Y-%m-%d} ({one.release_reason})"


def _moment(text: str | None) -> Any:
    return None if text is None else moment_parser.moment_of(text)
