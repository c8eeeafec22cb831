"""Quoting: names and texts as they stand in SQL."""

from __future__ import annotations

import hashlib

MAX_IDENTIFIER_BYTES = 63
"""PostgreSQL truncates longer names, so that two long names could become one."""


def quote_name(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str) -> str:
    """Return ``value`` as a SQL string literal that reads the same under any setting."""
    quoted = value.replace("'", "''")
    if "\\" in quoted:
        return "E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


def shorten(name: str, limit: int = MAX_IDENTIFIER_BYTES) -> str:
    """Return ``name``, or its beginning with a hash of the whole where it exceeds ``limit`` bytes."""
    encoded = name.encode()
    if len(encoded) <= limit:
        return name
    digest = hashlib.sha1(encoded, usedforsecurity=False).hexdigest()[:8]
    return encoded[: limit - 9].decode(errors="ignore") + "_" + digest
