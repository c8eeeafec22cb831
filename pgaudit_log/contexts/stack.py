"""The stack of contexts: immutable frames in a ``ContextVar``, one for each block entered."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar, cast
from uuid import UUID

from pgaudit_log.contexts.serialization import serialize
from pgaudit_log.identifiers import new_context_id

P = ParamSpec("P")
R = TypeVar("R")


class Late(Protocol):
    """Metadata that is known only later than its block is entered, such as the user of a request."""

    keys: frozenset[str]
    """The keys that it may return; they take the place of those of the blocks outside."""

    def __call__(self, *, writing: bool) -> tuple[tuple[str, Any], ...]:
        """Return the pairs known by now; if ``writing``, go and find out."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What is recorded with the events of a block: an id and the metadata."""

    id: UUID
    metadata: Mapping[str, Any]
    late: Late | None = field(default=None, repr=False, compare=False)
    text: str = field(repr=False, compare=False)
    """The context as it is carried: the id, then the JSON. Made once, not once a statement."""

    def extended(self, metadata: Mapping[str, Any], late: Late | None = None) -> Context:
        """Return this context with more metadata; the id stays."""
        inherited = {
            key: value
            for key, value in self.metadata.items()
            if late is None or key not in late.keys
        }
        return make_context({**inherited, **metadata}, id=self.id, late=late or self.late)

    def carried(self, *, writing: bool) -> str:
        """Return the text that a statement carries now."""
        if self.late is None:
            return self.text
        pairs = self.late(writing=writing)
        return _with_late(self, pairs) if pairs else self.text


def make_context(
    metadata: Mapping[str, Any], *, id: UUID | None = None, late: Late | None = None
) -> Context:
    """Return a context of ``metadata``.

    Raises:
        ContextError: for a value that JSON or PostgreSQL cannot carry.
    """
    id = id or new_context_id()
    own = dict(metadata)
    return Context(id=id, metadata=MappingProxyType(own), late=late, text=f"{id}{serialize(own)}")


@functools.lru_cache(maxsize=256)
def _late_text(id: UUID, text: str, pairs: tuple[tuple[str, Any], ...]) -> str:
    late = serialize(dict(pairs))
    return f"{id}{late[:-1]}{',' if text[37:] != '}' else ''}{text[37:]}"


def _with_late(context: Context, pairs: tuple[tuple[str, Any], ...]) -> str:
    """Return the carried text with ``pairs`` added; what the block itself says wins."""
    pairs = tuple(pair for pair in pairs if pair[0] not in context.metadata)
    return _late_text(context.id, context.text, pairs) if pairs else context.text


_current: ContextVar[Context | None] = ContextVar("pgaudit_log_context", default=None)

_entered: ContextVar[tuple[Token[Context | None], ...]] = ContextVar(
    "pgaudit_log_entered", default=()
)
"""What restores the context outside each block that this thread or task is in.

Not kept in the block: one block object may be entered by many threads at once.
"""


def current() -> Context | None:
    """Return the context that is running in this thread or task, or ``None``."""
    return _current.get()


class context:
    """Record ``metadata`` with every event of a block.

    Works as ``with`` and ``async with`` and as a decorator of functions and coroutine
    functions. A block inside another has the same id and adds its metadata; on leaving,
    also by an exception, what was before is restored. Called as a function, without
    entering it, it adds to the context that is running, and does nothing where none is.

    Entering returns the :class:`Context`.

    Raises:
        ContextError: where the context is made, for a value that JSON or PostgreSQL
            cannot carry: an object, NaN, NUL, more than 64 KiB in all.

    Example:
        with pgaudit_log.context(user=request.user.pk, reason="refund"):
            order.save()
    """

    def __init__(self, **metadata: Any) -> None:
        self._metadata = metadata
        self._late: Late | None = None
        self._added: Token[Context | None] | None = None
        self._extension: Context | None = None
        running = _current.get()
        if running is None:
            serialize(metadata)
        else:
            # Called as a function until it is entered, which takes this back.
            self._extension = running.extended(metadata)
            self._added = _current.set(self._extension)

    def _enter(self) -> Context:
        if self._added is not None and _current.get() is self._extension:
            _current.reset(self._added)
        self._added = None
        running = _current.get()
        if running is None:
            entered = make_context(self._metadata, late=self._late)
        else:
            entered = running.extended(self._metadata, self._late)
        _entered.set((*_entered.get(), _current.set(entered)))
        return entered

    def _leave(self) -> None:
        *outside, token = _entered.get()
        _entered.set(tuple(outside))
        _current.reset(token)

    def __enter__(self) -> Context:
        return self._enter()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()

    async def __aenter__(self) -> Context:
        return self._enter()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return ``function`` so that each of its calls runs in a block of its own."""
        metadata = self._metadata

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                async with context(**metadata):
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", run_async)

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with context(**metadata):
                return function(*args, **kwargs)

        return run


def late_context(late: Late, **metadata: Any) -> context:
    """Return a :class:`context` whose ``late`` pairs are asked for with each statement."""
    block = context(**metadata)
    block._late = late
    return block
