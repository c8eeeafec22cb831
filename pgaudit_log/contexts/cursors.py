"""Cursor classes that put the running context in front of each statement.

The context is a comment, the very first thing on the wire, so it needs no statement
of its own, no transaction, and leaves nothing behind on a pooled connection. It is
added below Django: ``connection.queries`` and assertions about SQL do not see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import CONTEXT_MARKER
from pgaudit_log.contexts.stack import Context, current

_READS = re.compile(
    r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"
    r"(?:select|values|table|show|explain|declare|fetch|close|begin|start|commit|end|rollback|abort"
    r"|savepoint|release|set|reset|discard|listen|unlisten|notify|deallocate)\b",
    re.I | re.S,
)
"""Statements before which it is not worth finding out who the user is.

A SELECT may call a function that writes, but nearly none does.
"""


def install(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Make the cursors of a PostgreSQL connection carry the context; receives ``connection_created``."""
    if connection.vendor != "postgresql":
        return
    driver_connection = connection.connection
    factory = driver_connection.cursor_factory
    if factory is None:  # psycopg 2's own default
        from psycopg2 import extensions

        factory = extensions.cursor
    # A pooled connection comes back as it was left.
    if not issubclass(factory, _CarryingCursor):
        driver_connection.cursor_factory = _carrying(factory)
        if (adapters := getattr(driver_connection, "adapters", None)) is not None:
            adapters.register_dumper(_Carried, _carried_dumper())
    if not isinstance(connection.ops, _HidesContext):
        connection.ops.__class__ = _hiding(type(connection.ops))  # type: ignore[arg-type]


class _HidesContext:
    """A mixin for Django's ``DatabaseOperations``: what was sent is shown without its context."""

    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> str:
        sent: str = super().last_executed_query(cursor, sql, params)  # type: ignore[misc]
        if sent is not None and sent.startswith(CONTEXT_MARKER):
            return sent.partition("*/")[2]
        return sent


@cache
def _hiding(operations: type[Any]) -> type[Any]:
    return type("DatabaseOperations", (_HidesContext, operations), {})


class _CarryingCursor:
    """Marks the classes made by :func:`_carrying`."""


@cache
def _carrying(factory: type[Any]) -> type[Any]:
    """Return a subclass of the cursor class ``factory`` that carries the context."""
    if any(base.__module__.startswith("psycopg2") for base in factory.__mro__):
        return type(factory.__name__, (_Psycopg2Mixin, factory), {"__module__": __name__})
    from psycopg import AsyncClientCursor, ClientCursor

    merges = issubclass(factory, (ClientCursor, AsyncClientCursor))
    return type(
        factory.__name__,
        (_Psycopg3Mixin, factory),
        {"__module__": __name__, "merges_parameters": merges},
    )


class _Carried:
    """A context as a parameter, which the driver writes into the comment as it is, unquoted.

    Nothing in it needs quotes: it is ASCII, and cannot end a comment.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def getquoted(self) -> bytes:
        """Return what is written; psycopg 2 asks for it."""
        return self._text.encode()

    def __conform__(self, protocol: object) -> _Carried:
        """Return what psycopg 2 shall ask."""
        return self


@cache
def _carried_dumper() -> type[Any]:
    """Return the class that writes a :class:`_Carried` for psycopg 3."""
    from psycopg.adapt import Dumper

    class CarriedDumper(Dumper):
        def dump(self, obj: _Carried) -> bytes:
            return obj.getquoted()

        quote = dump

    return CarriedDumper


def _is_write(query: Any) -> bool:
    """Return whether a statement may write, so that it is worth finding out who the user is."""
    if isinstance(query, bytes):
        query = query[:1000].decode(errors="ignore")
    return not isinstance(query, str) or _READS.match(query) is None


def _prefixed(query: Any, prefix: str) -> Any:
    """Return ``query``, of whichever kind the driver takes, with ``prefix`` in front."""
    if isinstance(query, str):
        return prefix + query
    if isinstance(query, bytes):
        return prefix.encode() + query
    return _composable(prefix, query) + query


def _composable(text: str, like: Any) -> Any:
    """Return ``text`` as the SQL class of the driver that ``like`` comes from."""
    if type(like).__module__.startswith("psycopg2"):
        from psycopg2 import sql as psycopg2_sql

        return psycopg2_sql.SQL(text)
    from psycopg import sql as psycopg_sql

    return psycopg_sql.SQL(text)


def _text(context: Context, query: Any) -> str:
    """Return what a statement carries of the context."""
    # Most contexts are complete, so that it does not matter what the statement is.
    return context.text if context.late is None else context.carried(writing=_is_write(query))


def _literal_prefix(context: Context, query: Any, params: Any) -> str:
    """Return the comment with the context written out."""
    text = _text(context, query)
    if params is not None:
        text = text.replace("%", "%%")
    return f"{CONTEXT_MARKER}{text}*/"


_POSITIONAL = f"{CONTEXT_MARKER}%s*/"
_NAMED = f"{CONTEXT_MARKER}%(pgaudit_log)s*/"


def _with_parameter(context: Context, query: Any, params: Any) -> tuple[Any, Any]:
    """Return ``query`` and ``params`` with the context as one more parameter.

    The text of the query stays the same from context to context, so that the driver
    parses its placeholders once: a changing text costs 30 to 40 microseconds a statement.
    Only for drivers that merge parameters into the text themselves.
    """
    carried = _Carried(_text(context, query))
    # Most statements are those of the ORM: a str with a tuple or list.
    if not isinstance(params, (tuple, list)) and isinstance(params, Mapping):
        return _prefixed(query, _NAMED), {**params, "pgaudit_log": carried}
    return _prefixed(query, _POSITIONAL), (carried, *params)


class _Psycopg3Mixin(_CarryingCursor):
    """Carries the context through a cursor of psycopg 3."""

    merges_parameters: bool
    """Whether it writes parameters into the text itself, as client-side binding does."""

    def _carry(self, query: Any, params: Any) -> tuple[Any, Any]:
        if (context := current()) is None:
            return query, params
        if params is not None and self.merges_parameters:
            return _with_parameter(context, query, params)
        return _prefixed(query, _literal_prefix(context, query, params)), params

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Any:
        query, params = self._carry(query, params)
        return super().execute(query, params, **kwargs)  # type: ignore[misc]

    def executemany(self, query: Any, params_seq: Iterable[Any], **kwargs: Any) -> Any:
        context = current()
        if context is not None:
            query = _prefixed(query, _literal_prefix(context, query, ()))
        return super().executemany(query, params_seq, **kwargs)  # type: ignore[misc]

    def stream(self, query: Any, params: Any = None, **kwargs: Any) -> Iterator[Any]:
        query, params = self._carry(query, params)
        yield from super().stream(query, params, **kwargs)  # type: ignore[misc]

    def copy(self, statement: Any, params: Any = None, **kwargs: Any) -> Any:
        query, params = self._carry(statement, params)
        return super().copy(query, params, **kwargs)  # type: ignore[misc]


class _Psycopg2Mixin(_CarryingCursor):
    """Carries the context through a cursor of psycopg 2, which always merges parameters itself."""

    name: str | None

    def execute(self, query: Any, vars: Any = None) -> Any:
        context = current()
        # A named cursor's statement is put behind DECLARE, where no comment is seen.
        if context is not None and self.name is None:
            # Without parameters psycopg 2 leaves % alone; with none in a list it does not.
            if vars is None:
                query = _prefixed(query, _literal_prefix(context, query, None))
            else:
                query, vars = _with_parameter(context, query, vars)
        return super().execute(query, vars)  # type: ignore[misc]

    def executemany(self, query: Any, vars_list: Iterable[Any]) -> Any:
        # psycopg 2 sends one statement for each set of parameters, some of them maybe empty.
        context = current()
        if context is not None:
            query = _prefixed(query, _literal_prefix(context, query, ()))
        return super().executemany(query, vars_list)  # type: ignore[misc]

    def copy_from(  # noqa: PLR0917 - psycopg 2's own signature
        self,
        file: Any,
        table: str,
        sep: str = "\t",
        null: str = "\\N",
        size: int = 8192,
        columns: Iterable[str] | None = None,
    ) -> Any:
        context = current()
        if context is None:
            return super().copy_from(file, table, sep, null, size, columns)  # type: ignore[misc]
        # psycopg 2 writes this statement itself; written here, it can carry the context.
        from psycopg2 import sql as psycopg2_sql

        names = psycopg2_sql.SQL(", ").join(psycopg2_sql.Identifier(c) for c in columns or ())
        statement = psycopg2_sql.SQL("COPY {} {} FROM STDIN WITH DELIMITER {} NULL {}").format(
            psycopg2_sql.Identifier(table),
            psycopg2_sql.SQL("({})").format(names) if columns else psycopg2_sql.SQL(""),
            psycopg2_sql.Literal(sep),
            psycopg2_sql.Literal(null),
        )
        return self.copy_expert(statement, file, size)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> Any:
        context = current()
        if context is not None:
            sql = _prefixed(sql, _literal_prefix(context, sql, None))
        return super().copy_expert(sql, file, size)  # type: ignore[misc]
