"""Steps: what is told of a plan that rewrites partitions, whatever it does."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from pgaudit_log.cli import plans, terminal_text
from pgaudit_log.cli.screen import Screen
from pgaudit_log.operating import Plan
from pgaudit_log.operating.partition_plans import WAIT


def add_wait(parser: ArgumentParser) -> None:
    """Add how long a step waits."""
    parser.add_argument(
        "--wait",
        type=float,
        default=WAIT,
        metavar="SECONDS",
        help="How long a step waits for others that have the event table; by default %(default)g.",
    )


def run(
    plan: Plan,
    options: Any,
    screen: Screen,
    *,
    write: Callable[[Plan, Screen], None],
    document: Callable[[Plan], dict[str, Any]],
    not_done: str = plans.NOT_DONE,
) -> None:
    """Show a plan and, if ``options`` say so, carry it out; see :func:`plans.run`."""

    def apply() -> None:
        plan.apply(wait=options.wait, tell=lambda told: screen.warn(terminal_text.safe(told)))

    plans.run(
        screen,
        write=lambda: write(plan, screen),
        document=lambda: document(plan),
        apply=apply if options.apply else None,
        not_done=not_done,
    )


def write_surroundings(plan: Plan, screen: Screen) -> None:
    """Write what stays, what else is to be known, and what is in the way."""
    for kept in plan.kept:
        screen.line(f"  {kept.events:,} events stay: {terminal_text.safe(kept.hold)}.")
    plans.write_sentences(plan.notices, screen)
    plans.write_obstacles(plan.obstacles, screen)


def surroundings(plan: Plan) -> dict[str, Any]:
    """Return the same as JSON has it."""
    return {
        "kept": [{"hold": kept.hold.number, "events": kept.events} for kept in plan.kept],
        "notices": list(plan.notices),
        "obstacles": list(plan.obstacles),
    }
