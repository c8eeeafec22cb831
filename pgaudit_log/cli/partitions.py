"""``partitions``: shows what has to be done to the partitions, and does it if that was asked for."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from pgaudit_log.cli import steps, terminal_text
from pgaudit_log.cli.screen import Screen
from pgaudit_log.database.partitions.calendar import INTERVALS
from pgaudit_log.exceptions import QueryError
from pgaudit_log.operating import Plan, plan_partitions, plan_retention
from pgaudit_log.values.ages import Age

HELP = "Make partitions ahead, move events into them, split and merge them; remove old events."


def add_arguments(parser: ArgumentParser) -> None:
    """Add what is to be done to them."""
    add = parser.add_argument
    add(
        "--split",
        metavar="PERIOD",
        help="Divide a partition: its name, or a time in it, as 2026-03.",
    )
    add("--merge", action="store_true", help="Put partitions together that are --older-than.")
    add(
        "--into",
        choices=INTERVALS,
        help="How long the partitions are that --split or --merge makes.",
    )
    add(
        "--remove",
        action="store_true",
        help="Remove events that are older than PGAUDIT_LOG_RETENTION says, or --older-than.",
    )
    add(
        "--older-than",
        metavar="AGE",
        help="How old what is merged or removed has to be: 90d, 12w, 18m, 7y.",
    )
    add(
        "--model",
        action="append",
        default=[],
        metavar="LABEL",
        help="Remove events of this model only, such as shop.Visit; may be repeated.",
    )
    add(
        "--trust-clock",
        action="store_true",
        help="The clock of the database is right, although nothing was written for long.",
    )
    steps.add_wait(parser)
    add("--apply", action="store_true", help="Do it. Without it, the plan is only shown.")


def run(options: Any, screen: Screen) -> None:
    """Write the plan, and apply it.

    Raises:
        QueryError: for options that do not go together, and what they name wrongly.
        PlanError: when something is in the way.
    """
    plan = _plan(options)
    steps.run(plan, options, screen, write=_write, document=_document)


def _plan(options: Any) -> Plan:
    chosen = [name for name in ("split", "merge", "remove") if getattr(options, name)]
    if len(chosen) > 1:
        raise QueryError(f"--{' and --'.join(chosen)} cannot be done at once. Take one.")
    if options.remove:
        return plan_retention(
            options.database,
            older_than=_age(options.older_than),
            models=options.model,
            trust_clock=options.trust_clock,
        )
    if options.model or (options.older_than and not options.merge):
        raise QueryError("--model and --older-than say what to --remove. Add it.")
    if options.merge and options.older_than is None:
        raise QueryError("Say how old the partitions are that are merged: --older-than 1y.")
    return plan_partitions(
        options.database,
        split=options.split,
        merge_older_than=_age(options.older_than) if options.merge else None,
        into=options.into,
    )


def _age(text: str | None) -> Age | None:
    if text is None:
        return None
    try:
        return Age.of(text)
    except ValueError as error:
        raise QueryError(str(error)) from error


def _write(plan: Plan, screen: Screen) -> None:
    screen.heading(f"partitions of the database {terminal_text.safe(plan.using)}")
    for step in plan.steps:
        screen.line(f"  {terminal_text.safe(step)}")
        for gone in step.removed:
            screen.line(f"    {terminal_text.safe(gone.model)} of {gone.month}: {gone.events:,}")
    if not plan.steps:
        screen.line("  Nothing to do.")
    steps.write_surroundings(plan, screen)


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "steps": [
            {
                "kind": step.kind,
                "partitions": list(step.partitions),
                "into": list(step.into),
                "events": step.events,
                "removed": [
                    {"model": gone.model, "month": gone.month, "events": gone.events}
                    for gone in step.removed
                ],
            }
            for step in plan.steps
        ],
        **steps.surroundings(plan),
    }
