"""Free conditions: SQL of the project's in a condition, as an expression of single columns.

It is bound when its trigger is installed, into a function of the columns that it looks at; see
``sql/bind_condition.sql``. Here the columns of ``OLD`` and ``NEW`` become its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from django.db import models
from pgtrigger.core import Condition

from pgaudit_log.declaring import conditions
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
"""What a condition is looked through for; comments, literals and other names are left alone."""


class FreeCondition(NamedTuple):
    """A condition as an expression of columns."""

    expression: str
    """The SQL, with ``"old.status"`` in the place of ``OLD.status``."""
    names: Sequence[str]
    """Those names without quotes, each once: ``old.status``."""


def free_condition(sql: str, columns: Sequence[str], where: str) -> FreeCondition:
    """Return a condition with the columns of ``OLD`` and ``NEW`` as single values.

    Args:
        sql: the condition.
        columns: all columns of the table, for ``OLD.*``.
        where: what the error calls the tracker.

    Raises:
        DeclarationError: where it takes a row as a whole, which would keep the table's columns
            from being altered.
    """
    names: dict[str, None] = {}

    def argument(row: str, column: str) -> str:
        name = f"{row}.{column}"
        names[name] = None
        return quote_name(name)

    def replaced(match: re.Match[str]) -> str:
        text = match.group()
        if match["qualified"]:
            row, column = (part.strip() for part in _parts(text))
            if row.lower() not in ("old", "new"):
                return text
            if column == "*":
                return f"ROW({', '.join(argument(row.lower(), c) for c in columns)})"
            return argument(row.lower(), _unquoted(column))
        if match["name"] and text.lower() in ("old", "new"):
            raise DeclarationError(
                f"The condition of {where} takes the row {text} as a whole: {sql}. Name the columns"
                f" that it needs, such as {text}.id, or compare {text}.* with another row."
            )
        return text

    expression = _TOKEN.sub(replaced, sql)
    return FreeCondition(expression, list(names))


def _parts(qualified: str) -> tuple[str, str]:
    """Return the two names of ``row.column``."""
    if qualified.startswith('"'):
        end = re.match(r'"(?:[^"]|"")*"', qualified)
        assert end is not None
        return qualified[: end.end()], qualified[end.end() :].strip().removeprefix(".")
    row, _, column = qualified.partition(".")
    return row, column


def _unquoted(name: str) -> str:
    """Return a column's name as the catalogue has it."""
    if name.startswith('"'):
        return name[1:-1].replace('""', '"')
    return name.lower()


def is_free(condition: Condition | None) -> bool:
    """Return whether a condition is SQL of the project's own, which may call anything."""
    return condition is not None and not isinstance(condition, conditions.Change)


def bound_condition(condition: Condition, model: type[models.Model], label: str) -> FreeCondition:
    """Return a free condition of the tracker ``label`` as an expression of single columns."""
    sql = str(condition.resolve(model))  # type: ignore[no-untyped-call]
    concrete_model = concrete(model)
    names = [column_of(f) for f in concrete_model._meta.local_fields if f.column is not None]
    where = f'the tracker "{label}" of {concrete_model._meta.label}'
    return free_condition(sql, names, where)
