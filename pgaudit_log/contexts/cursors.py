"""Cursor classes that put the running context in front of each statement.

The context is a comment, the very first thing on the wire, so it needs no statement
of its own, no transaction, and leaves nothing behind on a pooled connection. It is
added below Django: ``connection.queries`` and assertions about SQL do not see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from django.core.signals import setting_changed

from pgaudit_log.conf import PREFIX, settings
from pgaudit_log.constants import CONTEXT_MARKER, CONTEXT_SETTING
from pgaudit_log.contexts import spans, transactions
from pgaudit_log.contexts.stack import ID_LENGTH, Context, current
from pgaudit_log.contexts.statements import (
    harmless,
    hint_and_rest,
    is_change,
    is_single,
    is_write,
    prefixed,
    surely_writes,
)
from pgaudit_log.exceptions import ReadOnlyError
from pgaudit_log.readonly import reader
from pgaudit_log.values.sql_text import escaped


@cache
def _carrier() -> str:
    """Return the setting, which each statement asks for."""
    return settings.CONTEXT_CARRIER


@cache
def _is_only_on_writes() -> bool:
    return settings.CONTEXT_ON == "writes"


@cache
def _has_trace_id() -> bool:
    return settings.TRACE_ID


def _forget_settings(setting: str, **kwargs: Any) -> None:
    if setting.startswith(PREFIX):
        _carrier.cache_clear()
        _is_only_on_writes.cache_clear()
        _has_trace_id.cache_clear()


setting_changed.connect(_forget_settings)


class _CarryingCursor:
    """Marks the classes made by :func:`carrying`."""


def prepare(driver_connection: Any) -> None:
    """Make the cursors of a driver's connection carry the context, unless they do already."""
    factory = driver_connection.cursor_factory
    if factory is None:  # psycopg 2's own default
        from psycopg2 import extensions

        factory = extensions.cursor
    # A pooled connection comes back as it was left.
    if not issubclass(factory, _CarryingCursor):
        driver_connection.cursor_factory = carrying(factory)
        if (adapters := getattr(driver_connection, "adapters", None)) is not None:
            adapters.register_dumper(_Carried, _carried_dumper())
    transactions.watch(driver_connection)


@cache
def carrying(factory: type[Any]) -> type[Any]:
    """Return a subclass of the cursor class ``factory`` that carries the context.

    For cursors that are made by hand on a connection of Django's, past its ``cursor()``: the
    driver lets nobody in between there.

    Raises:
        TypeError: for server-side cursors, and for those of ``async`` connections.

    Example:
        carrying(psycopg.RawCursor)(connection.connection).execute("… = $1", [5])
    """
    if issubclass(factory, _CarryingCursor):
        return factory
    if any(base.__module__.startswith("psycopg2") for base in factory.__mro__):
        return type(factory.__name__, (_Psycopg2Mixin, factory), {"__module__": __name__})
    import psycopg

    if not issubclass(factory, psycopg.Cursor):
        raise TypeError(
            f"{factory!r} is no cursor of a connection of Django's. On a connection of your own, set"
            f" {CONTEXT_SETTING} with SET LOCAL."
        )
    if issubclass(factory, psycopg.ServerCursor):
        raise TypeError(
            f"{factory!r} sends DECLARE and FETCH, in which no context is seen. What writes goes"
            " through another cursor."
        )
    # Older versions have no class of raw cursors.
    raw = getattr(psycopg, "RawCursor", ())
    attributes = {
        "__module__": __name__,
        "merges_parameters": issubclass(factory, psycopg.ClientCursor),
        "has_percent_signs": not issubclass(factory, raw),
    }
    return type(factory.__name__, (_Psycopg3Mixin, factory), attributes)


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


def _text(context: Context, query: Any) -> str:
    """Return what a statement carries of the context."""
    # Most contexts are complete, so that it does not matter what the statement is.
    text = context.text if context.late is None else context.carried(writing=is_write(query))
    return spans.with_trace_id(text, context.metadata) if _has_trace_id() else text


def _literal(text: str, params: Any) -> str:
    """Return the comment with a context written out."""
    return f"{CONTEXT_MARKER}{text if params is None else escaped(text)}*/"


_POSITIONAL = f"{CONTEXT_MARKER}%s*/"
_NAMED = f"{CONTEXT_MARKER}%(pgaudit_log)s*/"


def _with_parameter(text: str, query: Any, params: Any) -> tuple[Any, Any]:
    """Return ``query`` and ``params`` with the context as one more parameter.

    The text of the query stays the same from context to context, so that the driver
    parses its placeholders once: a changing text costs 30 to 40 microseconds a statement.
    Only for drivers that merge parameters into the text themselves.
    """
    carried = _Carried(text)
    # Most statements are those of the ORM: a str with a tuple or list.
    if not isinstance(params, (tuple, list)) and isinstance(params, Mapping):
        return prefixed(query, _NAMED), {**params, "pgaudit_log": carried}
    if isinstance(query, str) and "/*+" in query and "%" in hint_and_rest(query)[0]:
        # The parameters of a hint come before that of the context.
        return prefixed(query, _literal(text, params)), params
    return prefixed(query, _POSITIONAL), (carried, *params)


class _Carries(_CarryingCursor):
    """Decides how the cursors of both drivers carry the context of a statement."""

    merges_parameters: bool
    """Whether it writes parameters into the text itself, as client-side binding does."""
    has_percent_signs = True
    """Whether its placeholders are percent signs, so that others are doubled."""
    connection: Any

    def _carry(self, query: Any, params: Any) -> tuple[Any, Any]:
        """Return the statement with its context, as far as that stands in the text."""
        text = self._carried(query)
        if text is None:
            return harmless(query), params
        if params is not None and self.merges_parameters:
            return _with_parameter(text, query, params)
        return prefixed(query, self._literal(text, params)), params

    def _literal(self, text: str, params: Any) -> str:
        return _literal(text, params if self.has_percent_signs else None)

    def _prefixed(self, query: Any, params: Any) -> Any:
        """Return the statement with its context as text, for where parameters are of many rows."""
        text = self._carried(query)
        return harmless(query) if text is None else prefixed(query, self._literal(text, params))

    def _carried(self, query: Any) -> str | None:
        """Return what stands in front of a statement; ``None`` for nothing.

        Sets the context of the transaction where that is how it is carried.

        Raises:
            ReadOnlyError: in what may only read, for what writes.
        """
        if (reading := reader.get()) is not None and surely_writes(query):
            what, moment = reading
            raise ReadOnlyError(
                f"{what} as of {moment} can only be read, but would write with SQL by hand. Fetch"
                " the object as it is today."
            )
        context = current()
        if context is not None and _is_only_on_writes() and not is_write(query):
            context = None
        carrier = _carrier()
        if carrier == "comment" or (carrier == "auto" and not self._prepares):
            return None if context is None else _text(context, query)
        if context is None:
            transactions.carry(self.connection, query, "")
            return None
        text = _text(context, query)
        is_set = transactions.carry(self.connection, query, text)
        if carrier != "id":
            return None if is_set else text
        # What surely writes nothing by itself does without the rest.
        has_rest = is_set or (is_single(query) and not is_write(query))
        return text[:ID_LENGTH] if has_rest else text

    @property
    def _prepares(self) -> bool:
        """Whether statements are prepared, so that their text has to stay the same."""
        return not self.merges_parameters and self.connection.prepare_threshold is not None

    def _transaction(self, query: Any) -> AbstractContextManager[Any]:
        """Return a transaction for a statement that would be one of its own.

        Where the text has only the id of the context, the rest needs one to be set in.
        """
        if (
            _carrier() != "id"
            or current() is None
            or not hasattr(self.connection, "transaction")
            or not is_change(query)
            or transactions.is_open(self.connection)
            or self.connection.pgconn.pipeline_status
        ):
            return nullcontext()
        found: AbstractContextManager[Any] = self.connection.transaction()
        return found


class _Psycopg3Mixin(_Carries):
    """Carries the context through a cursor of psycopg 3."""

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Any:
        if _carrier() == "id":
            with self._transaction(query):
                carried, params = self._carry(query, params)
                return super().execute(carried, params, **kwargs)  # type: ignore[misc]
        query, params = self._carry(query, params)
        return super().execute(query, params, **kwargs)  # type: ignore[misc]

    def executemany(self, query: Any, params_seq: Iterable[Any], **kwargs: Any) -> Any:
        with self._transaction(query):
            carried = self._prefixed(query, ())
            return super().executemany(carried, params_seq, **kwargs)  # type: ignore[misc]

    def stream(self, query: Any, params: Any = None, **kwargs: Any) -> Iterator[Any]:
        query, params = self._carry(query, params)
        yield from super().stream(query, params, **kwargs)  # type: ignore[misc]

    def copy(self, statement: Any, params: Any = None, **kwargs: Any) -> Any:
        query, params = self._carry(statement, params)
        return super().copy(query, params, **kwargs)  # type: ignore[misc]


class _Psycopg2Mixin(_Carries):
    """Carries the context through a cursor of psycopg 2, which always merges parameters itself."""

    merges_parameters = True
    name: str | None

    def execute(self, query: Any, vars: Any = None) -> Any:
        # A named cursor's statement is put behind DECLARE, where no comment is seen.
        if self.name is None:
            # Without parameters psycopg 2 leaves % alone; with none in a list it does not.
            query, vars = self._carry(query, vars)
        return super().execute(query, vars)  # type: ignore[misc]

    def executemany(self, query: Any, vars_list: Iterable[Any]) -> Any:
        # psycopg 2 sends one statement for each set of parameters, some of them maybe empty.
        return super().executemany(self._prefixed(query, ()), vars_list)  # type: ignore[misc]

    def copy_from(  # noqa: PLR0917 - psycopg 2's own signature
        self,
        file: Any,
        table: str,
        sep: str = "\t",
        null: str = "\\N",
        size: int = 8192,
        columns: Iterable[str] | None = None,
    ) -> Any:
        if current() is None:
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
        return super().copy_expert(self._prefixed(sql, None), file, size)  # type: ignore[misc]
