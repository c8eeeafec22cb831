"""``verify``: compares each object's events with each other, and the newest with the table."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError
from django.db import models, router

from pgaudit_log.cli import arguments, json_output, terminal_text
from pgaudit_log.cli.screen import Screen
from pgaudit_log.declaring import model_labels
from pgaudit_log.operating import Finding, Place, coverage_of, verify
from pgaudit_log.operating.findings import KINDS
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values import moment_parser

HELP = (
    "Find what was written past the triggers, and events that contradict each other or the table."
)

FOUND = 1
"""The exit code when anything was found."""

_VALUE_LIMIT = 60


def add_arguments(parser: ArgumentParser) -> None:
    """Add what is to be verified."""
    add = parser.add_argument
    add(
        "--model",
        action="append",
        default=[],
        metavar="LABEL",
        help="Only this model, such as shop.Order; may be repeated. By default all.",
    )
    add("--since", metavar="MOMENT", help="Leave out what events before this moment tell.")
    add("--until", metavar="MOMENT", help="Only events up to this moment, and not the tables.")
    add("--after", metavar="KEY", help="Go on behind this key of the one --model.")


def run(options: Any, screen: Screen) -> None:
    """Write what is found, as it is found; in JSON at the end.

    Raises:
        CommandError: with the exit code 1 when anything was.
    """
    chosen = _models(options)
    progress = _Progress(chosen)
    findings = verify(
        chosen,
        using=options.database,
        since=_moment(options.since),
        until=_moment(options.until, is_end=True),
        after=options.after,
        progress=progress,
    )
    kept: list[Any] = []
    try:
        found = _write(findings, screen, kept)
    except KeyboardInterrupt:
        screen.note(progress.how_to_go_on())
        raise
    if screen.as_json:
        limits = [{"model": m._meta.label, "limits": _limits(m)} for m in chosen]
        screen.json({"models": limits, "findings": kept})
    else:
        for model in chosen:
            for limit in _limits(model):
                screen.line(terminal_text.safe(f"{model._meta.label}: {limit}"))
        if not found:
            screen.line(f"{_count(len(chosen), 'model')}: nothing found.")
    if found:
        raise CommandError(f"{_count(found, 'finding')}.", returncode=FOUND)


def _models(options: Any) -> list[type[models.Model]]:
    """Return the models, all of them looked up before the first is read."""
    if options.model:
        return [*dict.fromkeys(arguments.model(label) for label in options.model)]
    return [
        model
        for model in model_labels.tracked_models()
        if recorded_past.is_tracked(model) and router.allow_migrate_model(options.database, model)
    ]


def _moment(text: str | None, *, is_end: bool = False) -> Any:
    return None if text is None else moment_parser.moment_of(text, is_end=is_end)


class _Progress:
    """Keeps how far a verification is."""

    def __init__(self, chosen: list[type[models.Model]]) -> None:
        self.labels = [model._meta.label for model in chosen]
        self.done: tuple[str, str] | None = None

    def __call__(self, label: str, key: str) -> None:
        self.done = label, key

    def how_to_go_on(self) -> str:
        """Return what to do after an interruption."""
        if self.done is None:
            return "Nothing is verified yet."
        label, key = (terminal_text.safe(text) for text in self.done)
        later = self.labels[self.labels.index(label) + 1 :]
        rest = "".join(f" --model {other}" for other in later)
        return (
            f"{label} is verified up to the key {key}: go on with --model {label} --after {key!r}"
            + (f", then with{rest}." if rest else ".")
        )


def _write(findings: Iterator[Finding], screen: Screen, kept: list[Any]) -> int:
    """Write findings a line each, and return how many; those of JSON are kept in ``kept``."""
    number = 0
    for number, finding in enumerate(findings, start=1):  # noqa: B007
        if screen.as_json:
            kept.append(_document(finding))
            continue
        screen.line(terminal_text.safe(_line(finding)))
        screen.stdout.flush()
    return number


def _line(finding: Finding) -> str:
    if finding.field is None:
        said = KINDS[finding.kind]
    else:
        old, new = (_text(value) for value in (finding.expected, finding.found))
        said = f"{finding.field} is {new}, and was left {old}"
    return f"{finding.kind}: {finding.model} {finding.key}: {said}, {finding.interval}"


def _text(value: object) -> str:
    return terminal_text.cut(repr(value), _VALUE_LIMIT)


def _limits(model: type[models.Model]) -> list[str]:
    """Return what of a model cannot be known by the events of any of its declarations."""
    per_declaration = [coverage.limits for coverage in coverage_of(model)]
    return [limit for limit in per_declaration[0] if all(limit in own for own in per_declaration)]


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "model": finding.model,
        "object": finding.key,
        "field": finding.field,
        **json_output.known(expected=finding.expected, found=finding.found),
        "after": _place(finding.after),
        "before": _place(finding.before),
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    return None if place is None else {"event": place.event, "created_at": place.at}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
