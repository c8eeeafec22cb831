"""``harden``: shows what keeps the application from forging and erasing events, and does it if asked."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from pgaudit_log.cli import plans, terminal_text
from pgaudit_log.cli.screen import Screen
from pgaudit_log.database.hardening import Plan
from pgaudit_log.operating import plan_hardening

HELP = "Give the log and the tables to a role that cannot log in, so that the application can forge nothing."


def add_arguments(parser: ArgumentParser) -> None:
    """Add the roles."""
    add = parser.add_argument
    add(
        "--owner",
        metavar="ROLE",
        help="Which role shall own the log and the tables. Known once the database is hardened.",
    )
    add(
        "--app",
        metavar="ROLE",
        action="append",
        default=[],
        help="The role of the application; may be repeated. Those that are known stay.",
    )
    add(
        "--reader",
        metavar="ROLE",
        action="append",
        default=[],
        help="A role that may read events and nothing else; may be repeated.",
    )
    add("--apply", action="store_true", help="Do it. Without it, the plan is only shown.")


def run(options: Any, screen: Screen) -> None:
    """Write the plan of a hardening, and apply it.

    Raises:
        PlanError: when a role does not exist, or something is in the way.
    """
    plan = plan_hardening(
        owner=options.owner, app=options.app, reader=options.reader, using=options.database
    )
    plans.run(
        screen,
        write=lambda: _write(plan, screen),
        document=lambda: _document(plan),
        apply=plan.apply if options.apply else None,
        done="Done." if plan.steps else "Nothing was to be done.",
    )


def _write(plan: Plan, screen: Screen) -> None:
    roles = plan.roles
    screen.heading(f"harden the database {terminal_text.safe(plan.using)}")
    screen.line(f"  The owner is {terminal_text.safe(roles.owner)}.")
    screen.line(f"  The application is {', '.join(map(terminal_text.safe, roles.apps))}.")
    if roles.readers:
        screen.line(f"  Events are read by {', '.join(map(terminal_text.safe, roles.readers))}.")
    reason = None
    for step in plan.steps:
        if step.reason != reason:
            reason = step.reason
            screen.line(f"  -- {terminal_text.safe(reason)}")
        screen.line(f"  {terminal_text.safe(step.statement)};")
    if not plan.steps:
        screen.line("  It is hardened: nothing to do.")
    plans.write_obstacles(plan.obstacles, screen)


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "owner": plan.roles.owner,
        "apps": list(plan.roles.apps),
        "readers": list(plan.roles.readers),
        "steps": [{"statement": step.statement, "reason": step.reason} for step in plan.steps],
        "obstacles": list(plan.obstacles),
    }
