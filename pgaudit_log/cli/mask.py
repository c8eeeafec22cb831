"""``mask``: shows what events of the time before have of columns that are masked now, and hides it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from pgaudit_log.cli import steps, terminal_text
from pgaudit_log.cli.screen import Screen
from pgaudit_log.operating import Plan, masking

HELP = "Hide in old events the values of columns that are masked now."


def add_arguments(parser: ArgumentParser) -> None:
    """Add whether to do it."""
    steps.add_wait(parser)
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
    is_wanted = bool(plan.steps or plan.notices)
    steps.run(
        plan,
        options,
        screen,
        write=_write,
        document=_document,
        not_done="Nothing was masked. Add --apply to do it; the values cannot be got back."
        if is_wanted
        else "",
    )


def _write(plan: Plan, screen: Screen) -> None:
    screen.heading(f"mask events of the database {terminal_text.safe(plan.using)}")
    for step in plan.steps:
        screen.line(f"  {terminal_text.safe(step)}")
        for one in step.masked:
            columns = terminal_text.safe(", ".join(one.columns))
            screen.line(f"    {columns} of {terminal_text.safe(one.model)}: {one.events:,}")
    if not (plan.steps or plan.kept or plan.obstacles):
        screen.line("  No event has a value of a column that is masked now.")
    steps.write_surroundings(plan, screen)


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "steps": [
            {
                "kind": step.kind,
                "partitions": list(step.partitions),
                "events": step.events,
                "masked": [
                    {"model": one.model, "columns": list(one.columns), "events": one.events}
                    for one in step.masked
                ],
            }
            for step in plan.steps
        ],
        **steps.surroundings(plan),
    }
