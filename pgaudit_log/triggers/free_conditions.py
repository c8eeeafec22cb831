"""Free conditions: conditions in SQL of the project's own, as functions of single columns.

A free condition becomes a function when its trigger is installed (see ``sql/bind_condition.sql``).
Here the columns of ``OLD`` and ``NEW`` that it looks at become the function's arguments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from django.db import models
from pgtrigger.core import Condition

from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.tables import column_of, concrete

_TOKEN = re.compile(
    r"""
    (?P<skipped>
        '(?:[^']|'')*'                                  # a literal, and the end of E'…' below
        | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$   # dollar quotes
        | --[^\n]*
        | /\*.*?\*/
    )
    | (?P<escaped> \b[eE]'(?:[^'\\]|''|\\.)*' )
    | (?P<qualified> (?:"(?:[^"]|"")*" | \b[^\W\d][\w$]*) \s* \. \s* (?:"(?:[^"]|"")*" | [^\W\d][\w$]* | \*) )
    | (?P<name> "(?:[^"]|"")*" | \b[^\W\d][\w$]* )
    """,
    re.X | re.S,
)
"""The parts of a condition; comments, literals and the names of other things stay as they are."""


class FreeCondition(NamedTuple):
    """A condition as the body of a function of columns."""

    expression: str
    """The SQL, with the argument ``"old.status"`` in the place of ``OLD.status``."""
    arguments: Sequence[str]
    """The names of the arguments, each once, without quotes: ``old.status``."""


def free_condition(condition: Condition, model: type[models.Model], label: str) -> FreeCondition:
    """Return the free condition of the tracker ``label`` of a model.

    Raises:
        DeclarationError: where it takes a row as a whole, which would keep the table's columns
            from being altered.
    """
    sql = str(condition.resolve(model))  # type: ignore[no-untyped-call]
    meta = concrete(model)._meta
    columns = [column_of(field) for field in meta.local_fields if field.column is not None]
    return _with_arguments(sql, columns, f'the tracker "{label}" of {meta.label}')


def _with_arguments(sql: str, columns: Sequence[str], tracker: str) -> FreeCondition:
    """Return a condition with arguments for what it says of ``OLD`` and ``NEW``.

    ``columns`` are those of ``OLD.*``; ``tracker`` is what an error calls the tracker.
    """
    arguments: dict[str, None] = {}

    def argument(row: str, column: str) -> str:
        name = f"{row}.{column}"
        arguments[name] = None
        return quote_name(name)

    def in_place_of(token: re.Match[str]) -> str:
        text = token.group()
        if token["qualified"]:
            row, column = _row_and_column(text)
            if row.lower() not in ("old", "new"):
                return text
            if column == "*":
                return f"ROW({', '.join(argument(row.lower(), name) for name in columns)})"
            return argument(row.lower(), _in_catalogue(column))
        if token["name"] and text.lower() in ("old", "new"):
            raise DeclarationError(
                f"The condition of {tracker} takes the row {text} as a whole: {sql}. Name the columns"
                f" that it needs, such as {text}.id, or compare {text}.* with another row."
            )
        return text

    expression = _TOKEN.sub(in_place_of, sql)
    return FreeCondition(expression, list(arguments))


def _row_and_column(qualified: str) -> tuple[str, str]:
    """Return the two names of ``row.column``, with their quotes."""
    if qualified.startswith('"'):
        quoted = re.match(r'"(?:[^"]|"")*"', qualified)
        assert quoted is not None
        row, rest = quoted.group(), qualified[quoted.end() :].strip()
        return row, rest.removeprefix(".").strip()
    row, _, column = qualified.partition(".")
    return row.strip(), column.strip()


def _in_catalogue(name: str) -> str:
    """Return the name of a column as the catalogue has it."""
    if name.startswith('"'):
        return name[1:-1].replace('""', '"')
    return name.lower()
