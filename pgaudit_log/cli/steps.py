"""Steps: what is told of a plan that rewrites partitions, whatever it does."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from pgaudit_log.cli import terminal_text
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


def write_surroundings(plan: Plan, screen: Screen) -> None:
    """Write what stays, what else is to be known, and what is in the way."""
    for kept in plan.kept:
        screen.line(f"  {kept.events:,} events stay: {terminal_text.safe(kept.hold)}.")
    _told(plan.notices, "", screen)
    _told(plan.obstacles, "In the way: ", screen)


def _told(sentences: Sequence[str], start: str, screen: Screen) -> None:
    for sentence in sentences:
        screen.line(f"  {start}{terminal_text.safe(sentence)}")


def surroundings(plan: Plan, *, is_applied: bool) -> dict[str, Any]:
    """Return the same as JSON has it."""
    return {
        "kept": [{"hold": kept.hold.number, "events": kept.events} for kept in plan.kept],
        "notices": list(plan.notices),
        "obstacles": list(plan.obstacles),
        "applied": is_applied,
    }
