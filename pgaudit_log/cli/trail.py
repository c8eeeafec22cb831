"""``trail``: events of all models, the newest first, a page at a time."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.db import models

from pgaudit_log.cli import arguments, json_output, lines
from pgaudit_log.cli.screen import Screen
from pgaudit_log.constants import OPERATIONS, OWN_MODELS
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import filters, user_lookup
from pgaudit_log.values import moment_parser
from pgaudit_log.values.keys import short_key

HELP = "Show what happened: the events of all models, the newest first."

Question = Callable[[Any], Any]
"""Narrows a queryset of events."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the events are asked for by."""
    add = parser.add_argument
    words = list(OPERATIONS.values())
    said = f"What was done: {', '.join(words)}."
    own = f"Of this model, such as shop.Order; or {' or '.join(OWN_MODELS)}."
    add("--model", action="append", metavar="LABEL", help=own)
    add("--object", metavar="KEY", help="Of the object of --model with this primary key.")
    add("--references", metavar="LABEL:KEY", help="Whose row pointed at this object.")
    add(
        "--by",
        action="append",
        metavar="USER",
        help='Of this user, by key or name, and of others on their behalf; "none": without a user.',
    )
    add("--name", metavar="NAME", help="Of users who had this name at the time.")
    add("--token", metavar="TOKEN", help="Of this API token, as an event has it.")
    add("--service", metavar="SERVICE", help="Of this service.")
    add("--context", metavar="UUID", help="Of this context.")
    add("--txid", type=int, metavar="N", help="Of this transaction.")
    add("--operation", action="append", choices=words, metavar="WHAT", help=said)
    add("--label", action="append", help="Of trackers with this label.")
    add("--changed", metavar="FIELD", help="Updates that changed this field.")
    add("--since", metavar="MOMENT", help="From this moment or day on, such as 2026-01-31T18:00.")
    add("--until", metavar="MOMENT", help="Before this moment, or up to the end of this day.")
    add("--limit", type=arguments.positive, default=50, help="How many at most; by default 50.")
    add("--before", type=int, metavar="ID", help="Older than this event: the next page.")
    add("--after", type=int, metavar="ID", help="Newer than this event: the page before.")


def run(options: Any, screen: Screen) -> None:
    """Write a page of events, and how to get the next one."""
    found = _questions(options)
    events = Events.objects.using(options.database).all()
    for ask in found.values():
        events = ask(events)
    if options.operation:
        letters = [letter for letter, word in OPERATIONS.items() if word in options.operation]
        events = events.filter(pgh_operation__in=letters)
    events = events.between(
        moment_parser.moment_of(options.since) if options.since is not None else None,
        moment_parser.moment_of(options.until, is_end=True) if options.until is not None else None,
    )
    if options.before is not None and options.after is not None:
        page = events.after(options.after).page(options.limit, before=options.before)
    else:
        page = events.page(options.limit, before=options.before, after=options.after)
    if not page:
        _refuse_unknown(options, found)
    if screen.as_json:
        listed = [json_output.event(event) for event in page]
        screen.json({"events": listed, "older": page.older, "newer": page.newer})
        return
    if page:
        lines.write(page.events, screen)
    else:
        screen.line("No events.")
    if options.after is not None and options.before is None:
        if page.newer is not None:
            screen.note(f"There are newer events: --after {page.newer} shows them.")
    elif page.older is not None:
        screen.note(f"There are older events: --before {page.older} shows them.")


def _questions(options: Any) -> dict[str, Question]:
    """Return what narrows the trail, as functions of a queryset, by the option it comes from."""
    models = options.model or []
    labels = options.label or []
    found: dict[str, Question] = {}
    if options.object is not None:
        found["what"] = _of_object(options)
    elif models:
        found["what"] = _of_models(models, options.database)
    if options.references is not None:
        if options.object is not None:
            raise QueryError("Give --object or --references, not both.")
        target = arguments.reference(options.references)
        found["references"] = lambda events: events.references(target)
    if options.context is not None:
        context = arguments.context_id(options.context)
        found["context"] = lambda events: events.in_context(context)
    if options.txid is not None:
        found["txid"] = lambda events: events.in_transaction(options.txid)
    if options.by:
        users = _users(options.by, options.database)
        found["by"] = lambda events: events.by(users)
    if options.name is not None:
        found["name"] = lambda events: events.filter(filters.of_name(options.name))
    for key in ("token", "service"):
        if (value := getattr(options, key)) is not None:
            found[key] = _having(key, value)
    if labels:
        _refuse_unknown_labels(labels, options.database)
        found["label"] = lambda events: events.filter(pgh_label__in=labels)
    if options.changed is not None:
        found["changed"] = _changing(options.changed, is_narrowed=bool(models))
    return found


def _users(texts: list[str], using: str) -> list[Any]:
    users: list[Any] = []
    for text in texts:
        users += [None] if text == "none" else user_lookup.keys(text, using)
    return users


def _having(key: str, value: str) -> Question:
    return lambda events: events.filter(filters.of_context(key, value))


def _of_object(options: Any) -> Question:
    labels = options.model or []
    if len(labels) != 1:
        raise QueryError("--object needs one --model, which says what the key is of.")
    model = _model(labels[0], options.database)
    if model is None:
        key = short_key(options.object)
        return lambda events: events.filter(pgh_obj_model=labels[0], pgh_obj_id=key)
    own = arguments.obj(model, options.object)
    return lambda events: events.tracks(own)


def _of_models(labels: list[str], using: str) -> Question:
    found = [(label, _model(label, using)) for label in labels]
    if all(model is not None for _, model in found):
        return lambda events: events.across(*(model for _, model in found))
    known = {
        name
        for label, model in found
        for name in ([label] if model is None else former_names.labels_of(model, using))
    }
    return lambda events: events.filter(pgh_obj_model__in=known)


def _model(label: str, using: str) -> Any:
    """Return the tracked model, or ``None`` for one that is none, or no more, and leaves events."""
    if label in OWN_MODELS:
        return None
    try:
        return arguments.model(label)
    except QueryError:
        if Events.objects.using(using).filter(pgh_obj_model=label).exists():
            return None
        raise


def _changing(field: str, *, is_narrowed: bool) -> Question:
    if is_narrowed:
        return lambda events: events.changed(field)
    having = [model for model in model_labels.tracked_models() if _has_field(model, field)]
    if not having:
        raise QueryError(f"No tracked model has a field {field!r}.")
    return lambda events: events.across(*having).changed(field)


def _has_field(model: type[models.Model], field: str) -> bool:
    try:
        Events.objects.across(model).changed(field)
    except QueryError:
        return False
    return True


def _refuse_unknown_labels(labels: list[str], using: str) -> None:
    known = filters.known_labels()
    for label in labels:
        # A tracker that is gone has left its events.
        if label not in known and not (
            Events.objects.using(using).filter(pgh_label=label).exists()
        ):
            raise QueryError(
                f"There is no tracker with the label {label!r}, and no event of one. Labels are"
                f" {', '.join(sorted(known))}."
            )


def _refuse_unknown(options: Any, found: dict[str, Question]) -> None:
    """Raise if nothing was found because the log knows nothing of what was named."""
    what = {
        "what": f"{options.model and options.model[0]} {options.object}",
        "context": f"context {options.context}",
        "txid": f"transaction {options.txid}",
    }
    for name, text in what.items():
        if name not in found or (name == "what" and options.object is None):
            continue
        if not found[name](Events.objects.using(options.database)).exists():
            raise QueryError(
                f"There are no events of {text} in the log of the database {options.database!r}."
            )
