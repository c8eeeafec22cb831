"""``mask``: shows what events of the time before have of columns that are masked now, and hides it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from pgaudit_log.cli import plans, terminal_text
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
    plans.run(
        screen,
        write=lambda: _write(plan, screen),
        document=lambda: _document(plan),
        apply=plan.apply if options.apply else None,
        not_done=(
            "Nothing was masked. Add --apply to do it; the values cannot be got back."
            if plan.shapes
            else ""
        ),
    )


def _write(plan: Plan, screen: Screen) -> None:
    screen.heading(f"mask events of the database {terminal_text.safe(plan.using)}")
    plans.write_sentences(plan.steps, screen)
    if not plan.steps:
        screen.line("  No event has a value of a column that is masked now.")
    plans.write_obstacles(plan.obstacles, screen)


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "steps": [step.as_dict() for step in plan.steps],
        "obstacles": list(plan.obstacles),
    }
