"""``uninstall``: shows what capture has put into a database, and takes it out if that was asked for."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from pgaudit_log.cli import plans, terminal_text
from pgaudit_log.cli.screen import Screen
from pgaudit_log.database import uninstallation
from pgaudit_log.database.uninstallation import Plan
from pgaudit_log.exceptions import QueryError

HELP = "Take triggers, views and functions out of the database; the events only if told so."


def add_arguments(parser: ArgumentParser) -> None:
    """Add what is to go."""
    add = parser.add_argument
    add("--all", action="store_true", help="All that capture has put into the database.")
    add(
        "--drop-events",
        action="store_true",
        help="The event table too, with all events; they cannot be got back.",
    )
    add("--apply", action="store_true", help="Do it. Without it, the plan is only shown.")


def run(options: Any, screen: Screen) -> None:
    """Write the plan of an uninstallation, and apply it.

    Raises:
        InstallationError: when something is in the way.
    """
    if not options.all:
        raise QueryError(
            "uninstall takes all triggers, views and functions of this package out of the database."
            " Say --all. Of one model, take away its track(), or its label in track_models(), and"
            " run makemigrations and migrate."
        )
    plan = uninstallation.plan(options.database, with_events=options.drop_events)
    plans.run(
        screen,
        write=lambda: _write(plan, screen),
        document=lambda: _document(plan),
        apply=plan.apply if options.apply else None,
        not_done="Nothing was dropped. Add --apply to do it.",
    )


def _write(plan: Plan, screen: Screen) -> None:
    screen.heading(f"uninstall from the database {terminal_text.safe(plan.using)}")
    plans.write_sentences(plan.steps, screen)
    if not plan.steps:
        screen.line("  Nothing to do.")
    if plan.size is not None:
        screen.line(f"  All events go with the event table, {plan.size}. Nothing brings them back.")
    else:
        screen.line("  The event table stays, with its events; --drop-events drops it.")
    plans.write_obstacles(plan.obstacles, screen)
    if plan.tracked:
        screen.line(
            f"  Still tracked: {', '.join(map(terminal_text.safe, plan.tracked))}. Take track() or"
            " track_models() away and run makemigrations, or migrate and install make part of this again."
        )
    if plan.migrations:
        screen.line(
            f"  Migrations that need pgaudit_log: {', '.join(map(terminal_text.safe, plan.migrations))}."
            " Before it leaves INSTALLED_APPS, take it out of them: see Uninstall in the docs."
        )


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "steps": [{"kind": step.kind, "name": step.name} for step in plan.steps],
        "obstacles": list(plan.obstacles),
        "tracked": list(plan.tracked),
        "migrations": list(plan.migrations),
    }
