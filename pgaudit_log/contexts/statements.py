"""Statements: what kind each is, and how a comment is put in front of its text."""

from __future__ import annotations

import re
from typing import Any

from pgaudit_log.constants import CONTEXT_MARKER

_START = r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"

_READS = re.compile(
    _START + r"(?:select|values|table|show|explain|declare|fetch|close|begin|start|commit|end"
    r"|rollback|abort|savepoint|release|set|reset|discard|listen|unlisten|notify|deallocate)\b",
    re.I | re.S,
)
"""Statements before which it is not worth finding out who the user is.

A SELECT may call a function that writes, but nearly none does.
"""

_CONTROLS = re.compile(
    _START + r"(?:begin|start|commit|end|rollback|abort|savepoint|release|prepare|set|reset|show"
    r"|discard|lock|listen|unlisten|notify|deallocate|close)\b",
    re.I | re.S,
)
"""Statements that write nothing, and that may have to be the first of a transaction."""

_CHANGES = re.compile(_START + r"(?:insert|update|delete|merge|with|truncate)\b", re.I | re.S)
"""Statements that write, and that may run inside a transaction and outside."""

_WRITES = re.compile(
    _START + r"(?:insert|update|delete|merge|truncate|copy"
    r"|with\b.*\b(?:insert|update|delete|merge))\b",
    re.I | re.S,
)
"""Statements that write, whatever they call."""

_HINT = re.compile(r"[\w\s(),]*(/\*\+(?:(?!/\*|\*/).)*\*/)", re.S)
"""A hint of pg_hint_plan, in the first comment, with what it allows in front of it.

https://github.com/ossc-db/pg_hint_plan/blob/master/docs/hint_table.md
"""


def is_write(query: Any) -> bool:
    """Return whether a statement may write, so that it is worth finding out who the user is."""
    return _READS.match(_beginning(query)) is None


def is_control(query: Any) -> bool:
    """Return whether a statement is about the session or the transaction, not about rows."""
    return _CONTROLS.match(_beginning(query)) is not None


def is_change(query: Any) -> bool:
    """Return whether a statement writes rows by itself."""
    return _CHANGES.match(_beginning(query)) is not None


def surely_writes(query: Any) -> bool:
    """Return whether a statement writes rows by itself, and is no WITH that only reads."""
    return _WRITES.match(_beginning(query)) is not None


def is_single(query: Any) -> bool:
    """Return whether a text is surely one statement; one with ``;`` in a literal is not sure."""
    if isinstance(query, str):
        return ";" not in query.rstrip("; \n")
    return isinstance(query, bytes) and b";" not in query.rstrip(b"; \n")


def names_settings(query: Any) -> bool:
    """Return whether a statement has the name of a setting of ours, which it may set."""
    return (b"pgaudit_log." if isinstance(query, bytes) else "pgaudit_log.") in query


def _beginning(query: Any) -> str:
    if isinstance(query, str):
        return query
    return query[:1000].decode(errors="ignore") if isinstance(query, bytes) else ""


def hint_and_rest(query: str) -> tuple[str, str]:
    """Return a hint for pg_hint_plan that shall lead, and what follows the context's comment.

    pg_hint_plan reads the first comment only. A hint at the beginning is moved; one behind
    ``SELECT`` is copied, unless it has parameters, which cannot be had twice.
    """
    if "/*+" not in query or (found := _HINT.match(query)) is None:
        return "", query
    hint = found.group(1)
    if not query[: found.start(1)].strip():
        return hint, query[found.end() :]
    return ("", query) if "%" in hint else (hint, query)


def prefixed(query: Any, prefix: str) -> Any:
    """Return ``query``, of whichever kind the driver takes, with a comment in front; a hint leads."""
    if isinstance(query, str):
        if "/*+" not in query:
            return prefix + query
        hint, rest = hint_and_rest(query)
        return hint + prefix + rest
    if isinstance(query, bytes):
        if b"/*+" not in query:
            return prefix.encode() + query
        # Latin 1 has a character for each byte.
        hint, rest = hint_and_rest(query.decode("latin-1"))
        return f"{hint}{prefix}{rest}".encode("latin-1")
    sql = _sql_class(query)
    first, *others = query if hasattr(query, "__iter__") else [query]
    text = _text_of(first)
    if text is None or "/*+" not in text:
        return sql(prefix) + query
    composed = sql(prefixed(text, prefix))
    for other in others:
        composed += other
    return composed


def harmless(query: Any) -> Any:
    """Return ``query`` so that text at its beginning which looks like a context is none.

    For statements outside of contexts: who builds SQL of what a visitor typed may have let
    a comment in.
    """
    if isinstance(query, str):
        if not query.startswith("/*"):
            return query
        if query.startswith(CONTEXT_MARKER):
            return " " + query
        end = query.find("*/") + 2
        if query.startswith("/*+") and query.startswith(CONTEXT_MARKER, end):
            return f"{query[:end]} {query[end:]}"
        return query
    if isinstance(query, bytes):
        return harmless(query.decode("latin-1")).encode("latin-1") if query[:2] == b"/*" else query
    return _sql_class(query)(" ") + query


def without_context(sent: str) -> str:
    """Return the text of a statement as it was before the context was put in front."""
    start = sent.find("*/") + 2 if sent.startswith("/*+") else 0
    if not sent.startswith(CONTEXT_MARKER, start):
        return sent
    return sent[:start] + sent[start:].partition("*/")[2]


def _sql_class(like: Any) -> Any:
    """Return the SQL class of the driver that ``like`` comes from."""
    if type(like).__module__.startswith("psycopg2"):
        from psycopg2 import sql as psycopg2_sql

        return psycopg2_sql.SQL
    from psycopg import sql as psycopg_sql

    return psycopg_sql.SQL


def _text_of(part: Any) -> str | None:
    """Return the text of a ``SQL``; ``None`` for other parts of a statement."""
    if not isinstance(part, _sql_class(part)):
        return None
    text: str = part.string if hasattr(part, "string") else part.as_string(None)
    return text
