"""``mask``: shows what events of the time before have of columns that are masked now, and hides it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from pgaudit_log.cli import terminal_text
from pgaudit_log.cli.screen import Screen
from pgaudit_log.operating import masking
from pgaudit_log.operating.masking import Plan

HELP = "Hide in old events the values of columns that are masked now."


def add_arguments(parser: ArgumentParser) -> None:
    """Add whether to do it."""
    parser.add_argument(
        "--apply",
        action="store_true",
        help="Do it: the values cannot be got back. Without it, the plan is only shown.",
    )


def run(options: Any, screen: Screen) -> None:
    """Write the plan, and apply it.

    Raises:
        PlanError: when something is in the way.
    """
    plan = masking.plan(options.database)
    if not screen.as_json:
        _write(plan, screen)
        screen.stdout.flush()
    if options.apply:
        plan.apply()
    if screen.as_json:
        screen.json(_document(plan, is_applied=options.apply))
    elif options.apply:
        screen.line("Done.")
    elif plan.shapes:
        screen.note("Nothing was masked. Add --apply to do it; the values cannot be got back.")


def _write(plan: Plan, screen: Screen) -> None:
    screen.heading(f"mask events of the database {terminal_text.safe(plan.using)}")
    for step in plan.steps:
        screen.line(f"  {terminal_text.safe(step)}")
    if not plan.steps:
        screen.line("  No event has a value of a column that is masked now.")
    for obstacle in plan.obstacles:
        screen.line(f"  In the way: {terminal_text.safe(obstacle)}")


def _document(plan: Plan, *, is_applied: bool) -> dict[str, Any]:
    return {
        "steps": [step.as_dict() for step in plan.steps],
        "obstacles": list(plan.obstacles),
        "applied": is_applied,
    }
