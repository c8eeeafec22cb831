"""Keys: the text of a row's primary key, and of those that it points at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pgaudit_log.capture_v1.columns import Column
from pgaudit_log.capture_v1.quoting import quote_name

PLAIN_TEXT = "$1::text"
"""The text of a key of one column that is a text, an integer or a UUID, and never too long."""


class Key(NamedTuple):
    """The primary key of the tracked table."""

    columns: tuple[Column, ...]
    text: str
    """The SQL of its text, with ``$1``, ``$2``, … for the columns."""

    def sql(self, row: str) -> str:
        """Return the text of the key of the row ``old`` or ``new``."""
        return _with(self.text, [column.sql(row) for column in self.columns])

    def changed_sql(self) -> str:
        """Return the test whether it differs between ``old`` and ``new``."""
        return " OR ".join(column.changed_sql() for column in self.columns)


class Reference(NamedTuple):
    """What a foreign key of the tracked table points at."""

    columns: tuple[str, ...]
    target: str
    """What events call the objects that it points at, in front of their keys: ``shop.Customer``."""
    text: str
    """The SQL of the text of their keys, with ``$1``, ``$2``, … for the columns."""
    is_of_many: bool
    """Whether it is one of Django's ``ForeignObject``, not of ``ForeignKey``."""

    def columns_sql(self, row: str) -> list[str]:
        """Return its columns in the row ``old`` or ``new``."""
        return [f"{row}.{quote_name(name)}" for name in self.columns]

    def sql(self, row: str) -> str:
        """Return the text of the key that the row ``old`` or ``new`` points at."""
        return _with(self.text, self.columns_sql(row))


def _with(text: str, columns: Sequence[str]) -> str:
    """Return the SQL of a key with its columns in their places."""
    return re.sub(r"\$([0-9]+)", lambda found: columns[int(found[1]) - 1], text)
