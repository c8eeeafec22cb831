"""The references of an event: what its row points at."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pgaudit_log.capture_v1.keys import Key, Reference
from pgaudit_log.capture_v1.layout import case, chained, listed
from pgaudit_log.capture_v1.quoting import quote_literal


def refs_sql(
    row: str,
    references: Iterable[Reference],
    *,
    called: Callable[[str], str],
    moved: tuple[str, Key] | None = None,
) -> str:
    """Return the ``text[]`` expression of what a row points at, or ``NULL``.

    ``called`` says what events call the table that a label means. In an update of the model and
    key ``moved`` that changes the key it also says so and has the former key, so that what became
    of a key can be found by the index.
    """
    tests = []
    pointers = []
    for to in references:
        pointer = f"{quote_literal(reference(called(to.target), ''))} || ({to.sql(row)})"
        tests.append(" AND ".join(f"{column} IS NOT NULL" for column in to.columns_sql(row)))
        # Other than a text, a JSON array with a null is not null.
        pointers.append(case(tests[-1], pointer) if to.is_of_many else pointer)
    moves = [_moved_sql(called(moved[0]), moved[1])] if moved is not None else []
    if not pointers:
        return "".join(moves) or "NULL::text[]"
    if len(pointers) == 1:
        # The most frequent case, which needs no function of arrays.
        return chained("||", [case(tests[0], f"ARRAY[{pointers[0]}]"), *moves])
    pointed_at = listed("array_remove(ARRAY[", pointers, "], NULL)")
    return listed("NULLIF(", [chained("||", [pointed_at, *moves]), "'{}'"], ")")


def _moved_sql(label: str, key: Key) -> str:
    """Return the ``text[]`` expression of what ``refs`` says of a key that changed, or ``NULL``."""
    marker = quote_literal(moved_marker(label))
    former = f"{quote_literal(former_key(label, ''))} || ({key.sql('old')})"
    return case(key.changed_sql(), listed("ARRAY[", [marker, former], "]"))


def reference(label: str, key: str) -> str:
    """Return how ``refs`` names the object with primary key ``key`` of the model ``label``."""
    return f"{label}:{key}"


def former_key(label: str, key: str) -> str:
    """Return how ``refs`` names the primary key that an object had before the update."""
    return f"was {reference(label, key)}"


def moved_marker(label: str) -> str:
    """Return what ``refs`` has in every update that changed a primary key of the model."""
    return f"moved {label}"
