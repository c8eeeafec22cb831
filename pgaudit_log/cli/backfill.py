"""``backfill``: writes baselines of rows that are older than their tracking."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.db import models, router

from pgaudit_log.backfill import BATCH_SIZE, backfill
from pgaudit_log.cli import arguments
from pgaudit_log.cli.screen import Screen
from pgaudit_log.contexts.stack import context
from pgaudit_log.declaring import model_labels
from pgaudit_log.exceptions import QueryError

HELP = "Write a baseline event of each row that is older than its tracking."


def add_arguments(parser: ArgumentParser) -> None:
    """Add the models."""
    add = parser.add_argument
    add("models", nargs="*", metavar="MODEL", help="Labels of models, such as shop.Order.")
    add("--all", action="store_true", help="All tracked models.")
    add(
        "--batch-size",
        type=arguments.positive,
        default=BATCH_SIZE,
        metavar="N",
        help=f"Rows a transaction; by default {BATCH_SIZE}.",
    )


def run(options: Any, screen: Screen) -> None:
    """Backfill one model after the other, and write what was done."""
    done = []
    for model in _models(options):
        label = model._meta.label
        with screen.progress(label) as progress, context(command="pgaudit_log backfill"):
            found = backfill(
                model,
                using=options.database,
                batch_size=options.batch_size,
                progress=progress,
            )
        done.append({"model": found.model, "rows": found.rows, "events": found.events})
        if not screen.as_json:
            rows, baselines = _count(found.rows, "row"), _count(found.events, "baseline")
            screen.line(f"{label}: {rows}, {baselines} written.")
            screen.stdout.flush()
    if screen.as_json:
        screen.json({"models": done})


def _models(options: Any) -> list[type[models.Model]]:
    """Return the models, each once, all of them looked up before the first is touched."""
    if bool(options.models) == options.all:
        raise QueryError("Name the models to backfill, or say --all.")
    if options.all:
        return [
            model
            for model in model_labels.tracked_models()
            if router.allow_migrate_model(options.database, model)
        ]
    return [*dict.fromkeys(arguments.model(label) for label in options.models)]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
