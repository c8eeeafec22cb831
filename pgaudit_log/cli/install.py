"""``install``: brings the database to what the declarations need."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from pgaudit_log.cli import terminal_text
from pgaudit_log.cli.screen import Screen
from pgaudit_log.database import installation

HELP = "Make what is missing: the event table, its partitions, triggers, and views of typed events."


def add_arguments(parser: ArgumentParser) -> None:
    """Add nothing."""


def run(options: Any, screen: Screen) -> None:
    """Install, and write what was made.

    Raises:
        InstallationError: when something is in the way.
    """
    report = installation.repair(options.database)
    for name in report.schema:
        screen.line(f"Made the {name}.")
    if report.incarnation is not None:
        screen.line(
            f"Began incarnation {report.incarnation}: this server counts transactions anew, and"
            " theirs are not taken for those of earlier events."
        )
    if report.last_id is not None:
        screen.line(f"Set the sequence of ids to {report.last_id}, the largest that an event has.")
    for done, names in (
        ("Made the trigger {}.", report.triggers),
        ("Dropped the trigger {}.", report.dropped_triggers),
        ("Made the trigger that takes turns on {}.", report.turns),
        ("Made the partition {}.", report.partitions),
        ("Made the triggers of the partition {}.", report.leaf_triggers),
        ("Made the view {}.", report.views),
        ("Dropped the view {}, whose model is no longer tracked.", report.dropped_views),
        ("Kept it hardened: {}.", map(terminal_text.safe, report.rights)),
    ):
        for name in names:
            screen.line(done.format(name))
    for told in report.kept_views:
        screen.warn(terminal_text.safe(told))
    for name in report.occupied:
        screen.warn(
            f"The partition {name} was not made: the DEFAULT partition already has events"
            " of its time, which are read as any. pgaudit_log partitions --apply moves them into it."
        )
    if report == installation.Report():
        screen.line("Everything is in place.")
