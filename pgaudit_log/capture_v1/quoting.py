"""Names and texts as they stand in SQL."""

from __future__ import annotations


def quote_name(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str) -> str:
    """Return ``value`` as a SQL string literal that reads the same under any setting."""
    quoted = value.replace("'", "''")
    if "\\" in quoted:
        return "E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


def quote_table(name: str) -> str:
    """Return the name of a table in quotes, unless it has some: ``"schema"."table"`` stays."""
    return name if name.startswith('"') or name.endswith('"') else f'"{name}"'
