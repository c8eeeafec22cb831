"""``revert``, ``undo`` and ``restore``: show a plan, and carry it out if that was asked for."""

from __future__ import annotations

import warnings
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, get_args

from pgaudit_log import reversal
from pgaudit_log.cli import arguments, terminal_text
from pgaudit_log.cli.screen import Screen
from pgaudit_log.contexts.stack import context
from pgaudit_log.exceptions import PlanError, QueryError
from pgaudit_log.reversal import Applied, Change, Kind, Plan
from pgaudit_log.reversal.options import OnConflict
from pgaudit_log.reversal.plan import Through
from pgaudit_log.values import moment_parser

REVERT_HELP = "Give an object the values that it had."
UNDO_HELP = "Take back an event, a transaction or a context."
RESTORE_HELP = "Bring a deleted object back, with what was deleted with it."

_AROUND = {
    Kind.CHANGED_LATER: "--on-conflict skip leaves a field that was changed later as it is,"
    " --on-conflict force sets it.",
    Kind.COLUMN_GONE: "--ignore-missing leaves out what the model no longer has.",
    Kind.MISSING_TARGET: "--leave-out 'missing target' leaves out rows that would point at what is"
    " not there.",
    Kind.REFERENCED: "--leave-out referenced keeps rows that others point at.",
    Kind.TAKEN: "--leave-out taken leaves out rows whose unique value another row has.",
    Kind.REQUIRED: "--value FIELD=VALUE gives a value that is missing.",
}


def add_revert_arguments(parser: ArgumentParser) -> None:
    """Add the object, and where to go back to."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="The model's label, such as shop.Order.")
    add("key", metavar="KEY", help="The object's primary key.")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--to-event", type=int, metavar="ID", help="The values that it shows.")
    to.add_argument("--to", metavar="MOMENT", help="A moment, such as 2026-01-31T18:00.")
    add("--field", action="append", metavar="NAME", help="Only this field; may be repeated.")
    _add_common(parser)


def revert(options: Any, screen: Screen) -> None:
    """Show the plan of a revert, and apply it."""
    model = arguments.model(options.model)
    obj = arguments.obj(model, options.key)
    to: Any = (
        moment_parser.moment_of(options.to)
        if options.to is not None
        else arguments.event(options.to_event, options.database)
    )

    def ask(**choices: Any) -> Plan:
        return reversal.revert(obj, to, fields=options.field, **choices)

    _carry_out(ask, options, screen)


def add_undo_arguments(parser: ArgumentParser) -> None:
    """Add what is to be taken back."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("event", type=int, nargs="?", metavar="EVENT", help="The id of an event.")
    what.add_argument("--txid", type=int, metavar="N", help="A transaction.")
    what.add_argument("--context", metavar="UUID", help="A context, such as a request.")
    parser.add_argument(
        "--on-conflict",
        choices=get_args(OnConflict),
        default="abort",
        help="A field that was changed later: do nothing at all, leave it, or set it.",
    )
    _add_common(parser)


def undo(options: Any, screen: Screen) -> None:
    """Show the plan of an undo, and apply it."""
    what: dict[str, Any]
    if options.event is not None:
        what = {"event": arguments.event(options.event, options.database)}
    elif options.txid is not None:
        what = {"txid": options.txid}
    else:
        what = {"context": arguments.context_id(options.context)}

    def ask(**choices: Any) -> Plan:
        return reversal.undo(**what, on_conflict=options.on_conflict, **choices)

    _carry_out(ask, options, screen)


def add_restore_arguments(parser: ArgumentParser) -> None:
    """Add the deletion."""
    parser.add_argument("event", type=int, metavar="EVENT", help="The event of the deletion.")
    _add_common(parser)


def restore(options: Any, screen: Screen) -> None:
    """Show the plan of a restoring, and apply it."""
    event = arguments.event(options.event, options.database)

    def ask(**choices: Any) -> Plan:
        return reversal.restore(event, **choices)

    _carry_out(ask, options, screen)


def _add_common(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--ignore-missing",
        action="store_true",
        help="Leave out values whose column the model no longer has.",
    )
    add(
        "--leave-out",
        action="append",
        default=[],
        metavar="WHAT",
        help="Leave rows as they are: a kind of obstacle, such as taken, or a row as the plan names"
        " it, such as 'shop.Order 5'; may be repeated.",
    )
    add(
        "--value",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="A value that a row to bring back needs and its events do not have.",
    )
    add("--apply", action="store_true", help="Do it. Without it, the plan is only shown.")
    add(
        "--through",
        choices=get_args(Through),
        default="sql",
        help="Write exactly the plan's values, or through full_clean() and save().",
    )
    add("--reason", metavar="TEXT", help="Why, for the context of the events.")
    add("--user", metavar="USER", help="In whose name, for the context of the events.")


def _carry_out(ask: Callable[..., Plan], options: Any, screen: Screen) -> None:
    user = arguments.user(options.user) if options.user is not None else None
    values = arguments.assignments(options.value, "--value")
    with _naive_moments_refused() if values else nullcontext():
        plan = ask(
            ignore_missing=options.ignore_missing,
            leave_out=options.leave_out,
            values=values,
            using=options.database,
        )
    is_to_apply = options.apply and plan.is_applicable and bool(plan.steps)
    if not screen.as_json:
        # Before it is carried out: nothing is written that could not be shown.
        _write(plan, screen)
        screen.stdout.flush()
    applied = None
    if is_to_apply:
        who = {"user": user} if user is not None else {}
        with context(command=f"pgaudit_log {plan.action}", **who):
            applied = plan.apply(through=options.through, reason=options.reason)
    if screen.as_json:
        screen.json(_document(plan, applied))
    if applied is not None:
        if not screen.as_json:
            rows = "1 row" if applied.rows == 1 else f"{applied.rows} rows"
            screen.line(f"Done: {rows} written in transaction {applied.txid}.")
    elif options.apply and not plan.is_applicable:
        raise PlanError(_refusal(plan))
    elif plan.steps or plan.obstacles:
        screen.note(_advice(plan))


@contextmanager
def _naive_moments_refused() -> Iterator[None]:
    """Raise where Django only warns of a moment without a time zone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            yield
    except RuntimeWarning as error:
        raise QueryError(f"--value was given a moment without a time zone. {error}") from error


def _refusal(plan: Plan) -> str:
    count = len(plan.obstacles)
    things = "1 thing stands" if count == 1 else f"{count} things stand"
    return " ".join([f"Nothing was written: {things} in the way.", *_ways_around(plan)])


def _advice(plan: Plan) -> str:
    if plan.is_applicable:
        return "Nothing was written. Add --apply to do it."
    return _refusal(plan)


def _ways_around(plan: Plan) -> list[str]:
    kinds = {obstacle.kind for obstacle in plan.obstacles}
    return [
        text
        for kind, text in _AROUND.items()
        if kind in kinds and (kind is not Kind.CHANGED_LATER or plan.action == "undo")
    ]


def _document(plan: Plan, applied: Applied | None) -> dict[str, Any]:
    return {
        **plan.as_dict(),
        "is_applicable": plan.is_applicable,
        "applied": None if applied is None else {"rows": applied.rows, "txid": applied.txid},
    }


def _write(plan: Plan, screen: Screen) -> None:
    screen.heading(terminal_text.safe(f"{plan.action} {plan.subject}"))
    for step in plan.steps:
        screen.line(f"  {terminal_text.safe(step)}")
        screen.pairs(map(_pair, step.changes), indent=4)
    for remark in plan.remarks():
        screen.line(f"  {remark}")


def _pair(change: Change) -> tuple[str, str]:
    now, proposed = (
        None if text is None else terminal_text.shortened(text)
        for text in (
            terminal_text.side(change.now, change.now_text, there=False),
            terminal_text.side(change.proposed, change.proposed_text, there=False),
        )
    )
    return terminal_text.safe(change.field), terminal_text.change(now, proposed)
