"""``import``: brings over the history that another package has recorded, or compares, or takes it back."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError
from django.db import models

from pgaudit_log import importing
from pgaudit_log.cli import arguments
from pgaudit_log.cli.plain_output import Column
from pgaudit_log.cli.screen import Screen
from pgaudit_log.cli.terminal_text import safe
from pgaudit_log.constants import OPERATIONS
from pgaudit_log.contexts.stack import context
from pgaudit_log.exceptions import QueryError
from pgaudit_log.importing import Comparison, Imported, Plan, Withdrawal
from pgaudit_log.values import moment_parser

HELP = "Bring over the history that another package has recorded."

DISAGREES = 1
"""The exit code of a comparison that has found differences."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the peer, the models, and what is to be done."""
    add = parser.add_argument
    add("peer", metavar="PEER", choices=list(importing.PEERS), help=" or ".join(importing.PEERS))
    add("--model", action="append", metavar="MODEL", help="Only this model, such as shop.Order.")
    add("--since", metavar="MOMENT", help="Only what was recorded from then on.")
    add(
        "--table",
        action="append",
        default=[],
        metavar="MODEL=TABLE",
        help="A table of the package's that it has no class for any more.",
    )
    add(
        "--from-database",
        metavar="ALIAS",
        help="The database that has the package's tables, if it is another one than that of the events.",
    )
    add(
        "--batch-size",
        type=arguments.positive,
        default=importing.BATCH_SIZE,
        metavar="N",
        help=f"Events a transaction; by default {importing.BATCH_SIZE}.",
    )
    add(
        "--workers",
        type=arguments.positive,
        default=importing.WORKERS,
        metavar="N",
        help=f"How many connections write; by default {importing.WORKERS}.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--compare", action="store_true", help="Compare what both have recorded of the same time."
    )
    what.add_argument("--withdraw", action="store_true", help="Take back what was imported.")
    add("--apply", action="store_true", help="Do it. Without it, the plan is only shown.")


def run(options: Any, screen: Screen) -> None:
    """Write the plan of an import, and apply it; or do so of a withdrawal; or compare.

    Raises:
        PlanError: when something is in the way.
    """
    named = options.model and [arguments.model(label) for label in options.model]
    if options.withdraw:
        _withdraw(options, named, screen)
        return
    plan = importing.plan(
        options.peer,
        models=named,
        since=moment_parser.moment_of(options.since) if options.since else None,
        tables=_tables(options.table),
        using=options.database,
        from_database=options.from_database,
    )
    if options.compare:
        _compare(plan, screen)
        return
    if not screen.as_json:
        _write(plan, screen)
        screen.stdout.flush()
    done = None
    if options.apply:
        with screen.progress("import") as progress, context(command="pgaudit_log import"):
            done = plan.apply(
                batch_size=options.batch_size, workers=options.workers, progress=progress
            )
    if screen.as_json:
        screen.json(_document(plan, done))
    elif done is not None:
        _write_done(done, screen)
    else:
        screen.note("Nothing was imported. Add --apply to do it.")


def _tables(given: Sequence[str]) -> dict[type[models.Model], list[str]]:
    tables: dict[type[models.Model], list[str]] = {}
    for label, table in (text.partition("=")[::2] for text in given):
        if not table:
            raise QueryError(
                f"--table was given {label!r}. Write it as shop.Order=shop_orderevent."
            )
        tables.setdefault(arguments.model(label), []).append(table)
    return tables


def _write(plan: Plan, screen: Screen) -> None:
    there = f" in the database {safe(plan.from_database)}" if plan.from_database else ""
    screen.heading(f"import from {plan.peer}{there} into the database {safe(plan.using)}")
    columns = [
        Column(name="model"),
        Column(name="table"),
        Column(name="there"),
        Column(name="becomes"),
        Column(name="events", is_number=True),
        Column(name="from"),
        Column(name="to"),
    ]
    rows = [
        (
            safe(step.model),
            safe(step.source.name),
            safe(count.kind),
            safe(f"{count.label} ({OPERATIONS[count.operation]})"),
            str(count.events),
            f"{count.first:%Y-%m-%d}",
            f"{count.last:%Y-%m-%d}",
        )
        for step in plan.of_all
        for count in step.counts
        if count.first and count.last
    ]
    if rows:
        screen.table(columns, rows)
    else:
        screen.line("  Nothing to import.")
    for step in plan.of_all:
        # Some peers have the records of all models in one table.
        about = f"{safe(step.model)}, {safe(step.source.name)}"
        if step.imported:
            screen.line(f"  {about}: {step.imported} imported before.")
        if step.compared:
            screen.line(
                f"  {about}: {step.compared} are of a time of which events of this"
                " package's own tell; --compare compares them."
            )
        for unkept in step.unkept:
            screen.line(f"  Not kept: {about}.{safe(unkept.column)} {safe(unkept.reason)}.")
    _write_left_out(plan, screen)
    for obstacle in plan.obstacles:
        screen.line(f"  In the way: {safe(obstacle)}")
    if plan.events:
        screen.line(f"  {plan.events} events, about {_duration(plan.seconds)}.")


def _write_left_out(plan: Plan, screen: Screen) -> None:
    for label, reason in plan.left_out:
        screen.line(f"  Left out: {safe(label)}. {safe(reason)}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


def _write_done(done: Imported, screen: Screen) -> None:
    for model, events in done.events.items():
        missed = done.gaps.get(model, 0)
        added = f", {missed} written where something was missing" if missed else ""
        screen.line(f"{safe(model)}: {events} imported{added}.")


def _document(plan: Plan, done: Imported | None) -> dict[str, Any]:
    return {
        "peer": plan.peer,
        "from_database": plan.from_database,
        "steps": [
            {
                "model": step.model,
                "table": step.source.name,
                "kinds": [
                    {
                        "kind": count.kind,
                        "operation": OPERATIONS[count.operation],
                        "label": count.label,
                        "events": count.events,
                        "first": count.first,
                        "last": count.last,
                    }
                    for count in step.counts
                ],
                "imported": step.imported,
                "compared": step.compared,
                "not_kept": {unkept.column: unkept.reason for unkept in step.unkept},
            }
            for step in plan.of_all
        ],
        "left_out": dict(plan.left_out),
        "obstacles": list(plan.obstacles),
        "events": plan.events,
        "seconds": round(plan.seconds),
        "applied": None if done is None else {"events": dict(done.events), "gaps": dict(done.gaps)},
    }


def _compare(plan: Plan, screen: Screen) -> None:
    """Write whether both tell the same.

    Raises:
        CommandError: with the exit code 1, where they do not.
    """
    found = importing.compare(plan)
    if screen.as_json:
        screen.json({"peer": plan.peer, "tables": [_comparison(one) for one in found]})
    elif not found:
        screen.line(f"Nothing to compare: no table of {plan.peer} was found for a tracked model.")
        _write_left_out(plan, screen)
    for one in found if not screen.as_json else ():
        screen.line(
            f"{safe(one.model)}, {safe(one.table)}: {one.in_both} in both,"
            f" {one.only_there} only there, {one.only_here} only here."
        )
        for difference in one.differences:
            screen.line(
                f"  only {difference.side}: {OPERATIONS[difference.operation]} of"
                f" {safe(difference.obj_pk)}, {difference.id}, {difference.created_at:%Y-%m-%d %H:%M:%S}"
            )
    if not all(one.agrees for one in found):
        raise CommandError("The two do not tell the same.", returncode=DISAGREES)


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "model": found.model,
        "table": found.table,
        "in_both": found.in_both,
        "only_there": found.only_there,
        "only_here": found.only_here,
        "differences": [
            {
                "side": difference.side,
                "object": difference.obj_pk,
                "operation": OPERATIONS[difference.operation],
                "id": difference.id,
                "created_at": difference.created_at,
            }
            for difference in found.differences
        ],
    }


def _withdraw(options: Any, named: Sequence[type[models.Model]] | None, screen: Screen) -> None:
    plan = importing.plan_withdrawal(options.peer, models=named, using=options.database)
    if not screen.as_json:
        _write_withdrawal(plan, screen)
        screen.stdout.flush()
    gone = None
    if options.apply:
        with screen.progress("withdraw") as progress, context(command="pgaudit_log import"):
            gone = plan.apply(progress=progress)
    if screen.as_json:
        screen.json(
            {
                "peer": plan.peer,
                "events": dict(plan.steps),
                "obstacles": list(plan.obstacles),
                "applied": gone,
            }
        )
    elif gone is not None:
        screen.line(f"{gone} events taken back.")
    else:
        screen.note("Nothing was taken back. Add --apply to do it.")


def _write_withdrawal(plan: Withdrawal, screen: Screen) -> None:
    screen.heading(f"take back what was imported from {plan.peer} into {safe(plan.using)}")
    for label, events in plan.steps.items():
        screen.line(f"  {safe(label)}: {events} events")
    if not plan.steps:
        screen.line("  Nothing to take back.")
    for obstacle in plan.obstacles:
        screen.line(f"  In the way: {safe(obstacle)}")
