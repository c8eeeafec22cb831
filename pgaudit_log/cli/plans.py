"""Plans on the command line: shown, applied if that was asked for, and told as a document."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pgaudit_log.cli import terminal_text
from pgaudit_log.cli.screen import Screen

NOT_DONE = "Nothing was changed. Add --apply to do it."
"""What is noted where a plan was only to be shown."""


def run(
    screen: Screen,
    *,
    write: Callable[[], None],
    document: Callable[[], dict[str, Any]],
    apply: Callable[[], None] | None,
    done: str = "Done.",
    not_done: str = NOT_DONE,
) -> None:
    """Show a plan, and carry it out.

    Args:
        screen: what is written to.
        write: writes the plan for people.
        document: returns it for ``--json``, where ``applied`` is added.
        apply: carries it out; ``None`` where that was not asked for.
        done: what is said then.
        not_done: what is noted otherwise, if anything.

    Raises:
        PlanError: when something is in the way.
    """
    if not screen.as_json:
        write()
        # What stands in the way is told behind it, on another stream.
        screen.stdout.flush()
    if apply is not None:
        apply()
    if screen.as_json:
        screen.json({**document(), "applied": apply is not None})
    elif apply is not None:
        screen.line(done)
    elif not_done:
        screen.note(not_done)


def write_sentences(sentences: Iterable[object], screen: Screen, *, start: str = "") -> None:
    """Write what a plan says, a line a sentence, indented as its steps are."""
    for sentence in sentences:
        screen.line(f"  {start}{terminal_text.safe(sentence)}")


def write_obstacles(obstacles: Iterable[object], screen: Screen) -> None:
    """Write what is in the way of a plan."""
    write_sentences(obstacles, screen, start="In the way: ")
