"""``status``: whether the log is complete, how large it is, and what to do now."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError

from pgaudit_log.cli import terminal_text
from pgaudit_log.cli.screen import Column, Screen
from pgaudit_log.operating import health
from pgaudit_log.operating.values import ModelSize, Problem, Status

HELP = "Show whether the log is complete, how large it is, and what to do now."

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
"""As PostgreSQL's pg_size_pretty() has them: each 1024 times the one before."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add how much is shown."""
    parser.add_argument(
        "--all",
        action="store_true",
        help="Show all months, tables and columns, not only the first.",
    )


def run(options: Any, screen: Screen) -> None:
    """Write the status.

    Raises:
        CommandError: when something is wrong.
    """
    found = health.status(options.database)
    if screen.as_json:
        screen.json(found.as_document())
    else:
        _write(found, screen, limit=None if options.all else 20)
    if not found.is_healthy:
        screen.stdout.flush()
        raise CommandError(
            f'{_counted(len(found.problems), "problem")} in the log of the database "{found.using}".',
            returncode=1,
        )


def _write(status: Status, screen: Screen, *, limit: int | None) -> None:
    screen.heading(f"The log of the database {terminal_text.safe(status.using)}")
    screen.pairs(_summary(status), indent=2)
    for problem in status.problems:
        screen.line()
        _write_problem(problem, screen)
    _write_sizes(status.models, screen, limit=limit)
    _write_uncaptured(status, screen, limit=limit)
    if status.silenced:
        ids = ", ".join(sorted({problem.id for problem in status.silenced}))
        screen.line()
        screen.line(f"Silenced by SILENCED_SYSTEM_CHECKS: {terminal_text.safe(ids)}.")


def _summary(status: Status) -> list[tuple[str, str]]:
    pairs = [("health", "good" if status.is_healthy else _counted(len(status.problems), "problem"))]
    last = status.last_event
    if last is not None:
        when = terminal_text.moment(last.created_at)
        pairs.append(("last event", f"{last.id}, {when}, {terminal_text.safe(last.model)}"))
    elif status.sizes is not None:
        pairs.append(("last event", "none yet"))
    if status.size is not None and status.events is not None:
        about = "about " if status.is_estimate else ""
        pairs.append(("events", f"{about}{status.events:,}"))
        pairs.append(("size", size_text(status.size)))
    if status.growth is not None:
        rate = (
            f"{size_text(status.growth.per_day)} a day; at this rate"
            f" {size_text(status.growth.per_year)} in a year"
        )
        pairs.append(("growth", rate))
    elif status.sizes is not None:
        pairs.append(("growth", "known once the log is a day old"))
    if status.partitions is not None:
        known = status.partitions
        counts = (
            f"{known.count}, {known.ahead} of them ahead; a read of all takes"
            f" {known.locks_needed:,} of {known.locks_capacity:,} locks"
        )
        pairs.append(("partitions", counts))
    if status.role is not None:
        could = "could change the log" if status.role.may_forge else "cannot change the log"
        pairs.append(("role", f"{terminal_text.safe(status.role.name)}, which {could}"))
    pairs.append(("hardened", _hardened(status)))
    return pairs


def _hardened(status: Status) -> str:
    known = status.hardened
    if known is None:
        return "no"
    roles = [known.owner, ", ".join(known.apps), ", ".join(known.readers)]
    owner, apps, readers = map(terminal_text.safe, roles)
    return f"owned by {owner}, for {apps}" + (f", read by {readers}" if readers else "")


def _write_problem(problem: Problem, screen: Screen) -> None:
    screen.heading(f"{problem.severity.capitalize()} {problem.id}")
    pairs = [("what", terminal_text.safe(problem.what))]
    if problem.what_now:
        pairs.append(("what now", terminal_text.safe(problem.what_now)))
    screen.pairs(pairs, indent=2)


def _write_sizes(models: Sequence[ModelSize], screen: Screen, *, limit: int | None) -> None:
    if not models:
        return
    screen.line()
    screen.table(
        [
            Column(name="from"),
            Column(name="model", is_rest=True),
            Column(name="events", is_number=True),
            Column(name="size", is_number=True),
        ],
        [
            [
                _from(one.start),
                "others" if one.model is None else terminal_text.safe(one.model),
                f"{'about ' if one.is_estimate else ''}{one.events:,}",
                f"about {size_text(one.size)}",
            ]
            for one in models[:limit]
        ],
    )
    _tell_rest(len(models), limit, screen)


def _write_uncaptured(status: Status, screen: Screen, *, limit: int | None) -> None:
    columns = [
        (f"{terminal_text.safe(one.model)}: {', '.join(map(terminal_text.safe, names))} ({reason})")
        for one in status.uncaptured_columns or ()
        for names, reason in (
            (one.left_out, "left out by its track()"),
            (one.unknown, "in the database only"),
        )
        if names
    ]
    tables = [
        terminal_text.safe(one.table if one.model is None else f"{one.table} ({one.model})")
        for one in status.untracked_tables or ()
    ]
    for title, lines in (
        (
            "Columns that are not captured. To capture them, see track(fields=…, exclude=…):",
            columns,
        ),
        ("Tables that nobody tracks. To track them, see track() and track_models():", tables),
    ):
        if lines:
            screen.line()
            screen.line(title)
            for line in lines[:limit]:
                screen.line(f"  {line}")
            _tell_rest(len(lines), limit, screen)


def _tell_rest(count: int, limit: int | None, screen: Screen) -> None:
    if limit is not None and count > limit:
        screen.note(f"{count - limit} more: --all shows them.")


def _from(start: datetime | None) -> str:
    # Partitions begin at midnight UTC.
    return "DEFAULT" if start is None else f"{start:%Y-%m-%d}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def size_text(size: int) -> str:
    """Return a number of bytes for people: ``"40 GB"``."""
    amount = float(size)
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            break
        amount /= 1024
    return f"{amount:.1f} {unit}" if unit != "bytes" and amount < 10 else f"{amount:.0f} {unit}"
