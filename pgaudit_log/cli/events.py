"""``show``, ``diff`` and ``blame``: what single events did to an object."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from typing import Any

from pgaudit_log import diffs
from pgaudit_log.cli import arguments, json_output, lines, terminal_text, users
from pgaudit_log.cli.screen import Column, Screen
from pgaudit_log.diffs import NOW, Blame, Diff
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events

SHOW_HELP = "Show all of one event: what changed, who and why."
DIFF_HELP = "Show what differs between two events of an object, or an event and now."
BLAME_HELP = "Show for each field of an object which event set it last."


def add_show_arguments(parser: ArgumentParser) -> None:
    """Add the event."""
    parser.add_argument("event", type=int, metavar="EVENT", help="The id of the event.")


def show(options: Any, screen: Screen) -> None:
    """Write an event with its changes and its context."""
    event = arguments.event(options.event, options.database)
    diff = _changes(event, options.database)
    if screen.as_json:
        document = json_output.event(event)
        if diff is not None:
            document["changes"] = [json_output.field_diff(found) for found in diff.values()]
        screen.json(document)
        return
    screen.heading(f"Event {event.pgh_id}: {lines.operation(event)} {lines.object_name(event)}")
    screen.pairs(_facts(event))
    changes = _pairs(diff) if diff is not None else _stored(event)
    listed = list(changes)
    if listed:
        screen.line()
        screen.pairs(listed)


def _changes(event: Events, using: str) -> Diff | None:
    """Return what an event changed; ``None`` if there is no model any more that could tell."""
    return diffs.changes(event, using=using) if event.pgh_model is not None else None


def _facts(event: Events) -> Iterator[tuple[str, str]]:
    yield "time", terminal_text.moment(event.pgh_created_at)
    yield "who", users.who(event, users.names([event]))
    yield "transaction", str(event.pgh_txid)
    yield "label", terminal_text.safe(event.pgh_label)
    if isinstance(event.pgh_origin, dict):
        origin = (event.pgh_origin.get(name) for name in ("peer", "table", "id"))
        told = " ".join(str(one) for one in origin if one is not None)
        yield "imported from", terminal_text.safe(told)
    if event.pgh_refs:
        yield "references", terminal_text.safe(", ".join(event.pgh_refs))
    if event.pgh_context_id is not None:
        yield "context", str(event.pgh_context_id)
    context: Any = event.pgh_context  # whatever an own context function made of it
    if isinstance(context, dict):
        for name, value in context.items():
            yield f"  {terminal_text.safe(name)}", terminal_text.of_value(value)
    elif context is not None:
        yield "  value", terminal_text.of_value(context)


def _stored(event: Events) -> Iterator[tuple[str, str]]:
    """Yield what changed by column, as it is stored."""
    for column, (old, new) in (event.pgh_diff or {}).items():
        yield (
            terminal_text.safe(column),
            terminal_text.change(terminal_text.of_stored(old), terminal_text.of_stored(new)),
        )
    if event.pgh_diff is None:
        for column, value in (event.pgh_data or {}).items():
            yield terminal_text.safe(column), terminal_text.of_stored(value)


def add_diff_arguments(parser: ArgumentParser) -> None:
    """Add the events."""
    parser.add_argument("event", type=int, metavar="EVENT", help="The old side: an event's id.")
    parser.add_argument(
        "other",
        type=int,
        nargs="?",
        metavar="EVENT",
        help="The new side; without it, the object as it is now.",
    )


def diff(options: Any, screen: Screen) -> None:
    """Write what differs."""
    old = arguments.event(options.event, options.database)
    new: Any = NOW
    if options.other is not None:
        new = arguments.event(options.other, options.database)
    found = diffs.diff(old, new, using=options.database)
    label = found.model._meta.label
    if screen.as_json:
        screen.json(
            {
                "model": label,
                "object": found.key,
                "old_event": old.pgh_id,
                "new_event": options.other,
                "existed": found.existed,
                "exists": found.exists,
                "changes": [json_output.field_diff(one) for one in found.values()],
            }
        )
        return
    until = "now" if new is NOW else f"event {new.pgh_id}"
    screen.heading(terminal_text.safe(f"{label} {found.key}: event {old.pgh_id} → {until}"))
    for there, side in ((found.existed, f"event {old.pgh_id}"), (found.exists, until)):
        if not there:
            screen.line(f"It is not there {side if side == 'now' else f'after {side}'}.")
    if not found:
        screen.line("No difference.")
    screen.pairs(_pairs(found))


def _pairs(diff: Diff) -> Iterator[tuple[str, str]]:
    for found in diff.values():
        old = terminal_text.side(found.old, found.old_text, there=diff.existed)
        new = terminal_text.side(found.new, found.new_text, there=diff.exists)
        yield terminal_text.safe(found.name), terminal_text.change(old, new)


def add_blame_arguments(parser: ArgumentParser) -> None:
    """Add the object."""
    parser.add_argument("model", metavar="MODEL", help="The model's label, such as shop.Order.")
    parser.add_argument("key", metavar="KEY", help="The object's primary key.")


def blame(options: Any, screen: Screen) -> None:
    """Write for each field its value, and the event that set it."""
    model = arguments.model(options.model)
    obj = arguments.obj(model, options.key)
    label = model._meta.label
    if not Events.objects.using(options.database).tracks(obj).exists():
        raise QueryError(
            f"There are no events of {label} {options.key} in the log of the database"
            f" {options.database!r}. If it is older than its tracking, backfill {label} first."
        )
    found = diffs.blame(obj, using=options.database)
    if screen.as_json:
        fields = [_blame_document(one) for one in found.values()]
        screen.json({"model": label, "object": options.key, "fields": fields})
        return
    columns = [
        Column(name="field", limit=24),
        Column(name="value", is_rest=True),
        Column(name="event", is_number=True),
        lines.time_column(screen),
        Column(name="who", limit=18),
        Column(name="what", limit=20),
    ]
    screen.table(columns, _blame_rows(found.values(), screen))


def _blame_document(found: Blame) -> dict[str, Any]:
    return json_output.known(
        field=found.name,
        verbose_name=found.verbose_name,
        value=found.value,
        text=found.text,
        event=None if found.event is None else json_output.event_head(found.event),
    )


def _blame_rows(found: Iterable[Blame], screen: Screen) -> Iterator[tuple[str, ...]]:
    listed = list(found)
    names = users.names(one.event for one in listed if one.event is not None)
    for one in listed:
        event = one.event
        value = terminal_text.cut(terminal_text.side(one.value, one.text) or "", 60)
        if event is None:
            yield (
                one.name,
                value,
                terminal_text.NOTHING,
                terminal_text.NOTHING,
                terminal_text.NOTHING,
                "before its tracking",
            )
        else:
            yield (
                one.name,
                value,
                str(event.pgh_id),
                terminal_text.time(event.pgh_created_at, is_narrow=screen.is_narrow),
                users.who(event, names),
                lines.operation(event),
            )
