"""Transactions: the context as a setting that is local to one, where the text has to stay the same.

A prepared statement is one text. A setting costs a statement of its own, so it is set only
where it differs from what the transaction has; and because ``ROLLBACK TO SAVEPOINT`` takes a
setting back, what the transaction has is remembered only as long as nothing of that kind
happened. Nothing of it is left when the transaction ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary, ref

from pgaudit_log.constants import RUNNING_SETTING
from pgaudit_log.contexts import statements

_IDLE, _IN_TRANSACTION = 0, 2
"""libpq's ``PQTRANS_IDLE`` and ``PQTRANS_INTRANS``, which both drivers have as they are."""


class _Held:
    """What the setting holds on one connection, as far as is known."""

    __slots__ = ("text", "was_set")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A transaction begins: nothing is set."""
        self.text: str | None = ""
        self.was_set = False

    def forget(self) -> None:
        """What is set may be what it was before: it is not known, unless nothing ever was."""
        if self.was_set:
            self.text = None


_held: WeakKeyDictionary[Any, _Held] = WeakKeyDictionary()


def _of(connection: Any) -> _Held:
    found = _held.get(connection)
    if found is None:
        found = _held[connection] = _Held()
    return found


def _status(connection: Any) -> int:
    if (pgconn := getattr(connection, "pgconn", None)) is not None:
        return int(pgconn.transaction_status)
    return int(connection.get_transaction_status())


def is_open(connection: Any) -> bool:
    """Return whether the next statement runs in a transaction that goes on after it."""
    # In a pipeline the status is not known yet.
    pgconn = getattr(connection, "pgconn", None)
    if pgconn is not None and pgconn.pipeline_status:
        return False
    return not connection.autocommit or _status(connection) != _IDLE


def carry(connection: Any, query: Any, text: str) -> bool:
    """Return whether a setting carries ``text``, the context, for a statement; ``""`` is none.

    Without it the caller puts the context in front of the statement, which goes before the
    setting.
    """
    if not is_open(connection):
        return False
    held = _of(connection)
    status = _status(connection)
    if status == _IDLE:
        held.begin()
    if statements.is_control(query):
        held.forget()
        # It writes nothing, so it needs no context.
        return statements.is_single(query)
    is_single = statements.is_single(query)
    # Only what is single is ever prepared.
    wanted = text if is_single else ""
    if held.text != wanted and status in (_IDLE, _IN_TRANSACTION):
        _set(connection, wanted)
        held.text, held.was_set = wanted, True
    if not is_single or statements.names_settings(query):
        held.forget()
    return is_single


def _set(connection: Any, text: str) -> None:
    if hasattr(connection, "pgconn"):
        from psycopg import Cursor

        cursor: Any = Cursor(connection)
    else:
        from psycopg2.extensions import cursor as psycopg2_cursor

        cursor = psycopg2_cursor(connection)
    cursor.execute(f"SELECT set_config('{RUNNING_SETTING}', %s, true)", (text,))
    cursor.close()


def watch(connection: Any) -> None:
    """Make a connection of psycopg 3 tell of what its ``transaction()`` does, which no cursor sees."""
    if not hasattr(connection, "transaction") or "transaction" in vars(connection):
        return
    begin = type(connection).transaction
    # The connection must not keep itself alive.
    reference = ref(connection)

    @contextmanager
    def transaction(*args: Any, **kwargs: Any) -> Iterator[Any]:
        watched: Any = reference()
        _of(watched).forget()
        try:
            with begin(watched, *args, **kwargs) as block:
                yield block
        finally:
            _of(watched).forget()

    connection.transaction = transaction
