"""``as-of``: the rows of a tracked model as they were."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.models import F, Func

from pgaudit_log.cli import arguments, terminal_text
from pgaudit_log.cli.screen import Column, Screen
from pgaudit_log.declaring.masks import is_masked
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.operating import wait_until_settled
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values import moment_parser
from pgaudit_log.values.row_json import JSON_NULL, MASKED
from pgaudit_log.values.tables import Field

HELP = "Show the rows of a model, or one object, as they were at a moment."


def add_arguments(parser: ArgumentParser) -> None:
    """Add what is to be seen, and when."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="The model's label, such as shop.Order.")
    add("key", nargs="?", metavar="KEY", help="The primary key of one object.")
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument("--at", metavar="MOMENT", help="A moment, such as 2026-01-31T18:00.")
    when.add_argument("--at-event", type=int, metavar="ID", help="Just after this event.")
    add(
        "--wait",
        type=arguments.positive,
        metavar="SECONDS",
        help="Wait until no running transaction can change the past of --at any more.",
    )
    add(
        "--filter",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="Only rows that had this; lookups of the ORM such as total__gt=50 will do.",
    )
    add("--limit", type=arguments.positive, default=50, help="How many at most; by default 50.")


def run(options: Any, screen: Screen) -> None:
    """Write the rows."""
    model = arguments.model(options.model)
    moment: Any = (
        moment_parser.moment_of(options.at)
        if options.at is not None
        else arguments.event(options.at_event, options.database)
    )
    if options.wait is not None and options.at is not None:
        wait_until_settled(moment, timeout=options.wait, using=options.database)
    rows: Any = model._base_manager.using(options.database).as_of(moment)  # type: ignore[attr-defined]
    conditions = arguments.assignments(options.filter, "--filter")
    _refuse_untracked(model, conditions)
    rows = arguments.filtered(rows, conditions)
    if options.key is not None:
        obj = arguments.obj(model, options.key)
        rows = rows.filter(pk=obj.pk)
    fields = _fields(model)
    found = list(_read(rows.order_by("pk"), fields, options.limit + 1))
    if not found and options.key is not None:
        _refuse_never_tracked(obj, options)
    has_more = len(found) > options.limit
    found = found[: options.limit]
    names = [field.name for field in fields]
    if screen.as_json:
        screen.json(
            {
                "model": model._meta.label,
                "at": moment if options.at is not None else None,
                "event": options.at_event,
                "rows": [dict(zip(names, row, strict=True)) for row in found],
                "has_more": has_more,
            }
        )
        return
    when = f"after event {options.at_event}"
    if options.at is not None:
        when = f"at {terminal_text.moment(moment)}"
    if not found:
        what = "with this key " if options.key is not None else ""
        what += "that fits the filters " if conditions else ""
        screen.line(f"There was no {model._meta.label} {what}{when}.")
        return
    _write(model, names, found, when, screen, is_one=options.key is not None)
    if has_more:
        screen.note(f"There are more rows: --limit {options.limit * 10} shows more.")


def _fields(model: type[models.Model]) -> list[Field]:
    unknown = recorded_past.untracked_fields(model)
    return [f for f in model._meta.concrete_fields if f.column is not None and f not in unknown]


def _read(rows: Any, fields: Sequence[Field], limit: int) -> list[tuple[Any, ...]]:
    """Return the values of rows; JSON's null is told from SQL's, which the ORM does not."""
    documents: list[Any] = [field for field in fields if isinstance(field, models.JSONField)]
    kinds = [
        Func(F(field.name), function="jsonb_typeof", output_field=models.TextField())
        for field in documents
    ]
    # As attributes, because an annotation may not be called like a field.
    read = rows.values_list(*(field.attname for field in fields), *kinds)[:limit]
    found = []
    for row in read:
        kind_of = dict(zip(documents, row[len(fields) :], strict=True))
        found.append(
            tuple(
                MASKED if is_masked(field) else JSON_NULL if kind_of.get(field) == "null" else value
                for field, value in zip(fields, row, strict=False)
            )
        )
    return found


def _refuse_untracked(model: type[models.Model], conditions: dict[str, str]) -> None:
    unknown = {
        name
        for f in recorded_past.untracked_fields(model)
        for name in (f.name, f.attname, f.column)
    }
    for name in conditions:
        if name.partition("__")[0] in unknown:
            raise QueryError(
                f"--filter {name}: the field is not tracked, so that its past is unknown."
            )


def _refuse_never_tracked(obj: models.Model, options: Any) -> None:
    if not Events.objects.using(options.database).tracks(obj).exists():
        raise QueryError(
            f"There are no events of {obj._meta.label} {options.key} in the log of the database"
            f" {options.database!r}."
        )


def _write(
    model: type[models.Model],
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    when: str,
    screen: Screen,
    *,
    is_one: bool,
) -> None:
    label = model._meta.label
    screen.heading(f"{label} {when}")
    if is_one:
        screen.pairs(zip(names, map(terminal_text.of_value, rows[0]), strict=True))
        return
    columns = [Column(name=name) for name in names]
    cells = [
        [terminal_text.cut(terminal_text.of_value(value), 40) for value in row] for row in rows
    ]
    if screen.fits(columns, cells):
        screen.table(columns, cells)
        return
    # Side by side they would be cut to pieces.
    for number, row in enumerate(rows):
        if number:
            screen.line()
        screen.pairs(zip(names, map(terminal_text.of_value, row), strict=True))
