"""The stack of contexts: immutable frames in a ``ContextVar``, one for each block entered."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import time_ns
from types import MappingProxyType, TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar, cast
from uuid import UUID

from pgaudit_log.constants import CONTEXT_MAX_BYTES, LATE_MAX_BYTES
from pgaudit_log.contexts.masks import masked
from pgaudit_log.contexts.serialization import refuse_long, serialize

ID_LENGTH = 36
"""How long a context's id is, in front of the JSON."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class LateMetadata:
    """Metadata that became known after its block was entered, with its JSON, made once."""

    metadata: Mapping[str, Any]
    text: str = field(repr=False, compare=False)

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> LateMetadata:
        """Return the late metadata; raises :class:`ContextError` as :func:`serialize` does."""
        return cls(metadata=metadata, text=serialize(metadata, longest=LATE_MAX_BYTES))


class Late(Protocol):
    """Finds metadata that is known only later than its block is entered: the user of a request."""

    keys: frozenset[str]
    """The keys that it may return; they take the place of those of the blocks outside."""

    def __call__(self, *, writing: bool) -> LateMetadata | None:
        """Return what is known by now; if ``writing``, go and find out. Raises nothing."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Context:
    """What is recorded with the events of a block: an id and the metadata."""

    text: str
    """The context as it is carried: the id, then the JSON. Made once, not once a statement."""
    metadata: Mapping[str, Any] = field(compare=False)
    late: Late | None = field(default=None, compare=False)
    outside: Context | None = field(default=None, compare=False)
    """What was running when the block was entered, and runs again when it is left."""
    added_by: context | None = field(default=None, compare=False)
    """The call that added to ``before``, as long as it may still turn out to be a block."""
    before: Context | None = field(default=None, compare=False)

    @property
    def id(self) -> UUID:
        """The id of the outermost block, which those inside share: a UUIDv7."""
        return UUID(self._id)

    @property
    def _id(self) -> str:
        return self.text[:ID_LENGTH]

    def __repr__(self) -> str:
        return f"Context(id={self.id!r}, metadata={dict(masked(self.metadata))!r})"

    def added(self, metadata: Mapping[str, Any], call: context) -> Context:
        """Return this context with the metadata of a call; the id stays."""
        return _context(
            {**self.metadata, **metadata},
            id=self._id,
            late=self.late,
            outside=self.outside,
            added_by=call,
            before=self,
        )

    def without(self, call: context) -> Context:
        """Return this context without what a call added to it; what later calls added stays.

        It is the same one where the call added nothing, or was made before the block was entered.
        """
        later: list[context] = []
        added = self
        while added.added_by is not None and added.before is not None:
            if added.added_by is call:
                found = added.before
                for other in reversed(later):
                    found = found.added(other._metadata, other)
                return found
            later.append(added.added_by)
            added = added.before
        return self

    def entered(self, metadata: Mapping[str, Any], late: Late | None) -> Context:
        """Return the context of a block inside this one: with more metadata; the id stays."""
        inherited = {
            key: value
            for key, value in self.metadata.items()
            if late is None or key not in late.keys
        }
        return _context(
            {**inherited, **metadata}, id=self._id, late=late or self.late, outside=self
        )

    def carried(self, *, writing: bool) -> str:
        """Return the text that a statement carries now."""
        late = self.late(writing=writing) if self.late is not None else None
        if late is None:
            return self.text
        text = late.text
        # What a block inside says wins.
        if late.metadata.keys() & self.metadata.keys():
            text = serialize({k: v for k, v in late.metadata.items() if k not in self.metadata})
        own = self.text[ID_LENGTH + 1 :]
        is_both = own != "}" and text != "{}"
        return f"{self._id}{text[:-1]}{',' if is_both else ''}{own}"


def _context(metadata: dict[str, Any], *, id: str, **chain: Any) -> Context:
    """Return a context of ``metadata``; raises :class:`ContextError` as :func:`serialize` does."""
    text = f"{id}{serialize(metadata, longest=_longest(chain['late']))}"
    return Context(text=text, metadata=MappingProxyType(metadata), **chain)


def _longest(late: Late | None) -> int:
    """Return how long the JSON of a context may be, beside what is known only later."""
    return CONTEXT_MAX_BYTES - (0 if late is None else LATE_MAX_BYTES)


_current: ContextVar[Context | None] = ContextVar("pgaudit_log_context", default=None)


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

    Example::

        with pgaudit_log.context(user=request.user.pk, reason="refund"):
            order.save()
    """

    def __init__(self, /, **metadata: Any) -> None:
        self._metadata = metadata
        self._late: Late | None = None
        self._json: str | None = None
        running = _current.get()
        if running is None:
            self._json = serialize(metadata)
        else:
            # Called as a function, until it turns out to be a block or a decorator.
            _current.set(running.added(metadata, self))

    def _take_back(self) -> Context | None:
        """Take back what calling this added to the running context, and return what is running then."""
        running = _current.get()
        if running is None or running.added_by is None:
            return running
        before = running.without(self)
        _current.set(before)
        return before

    def _enter(self) -> Context:
        # Each request comes by here: this is written for speed.
        running = self._take_back()
        if running is not None:
            entered = running.entered(self._metadata, self._late)
        else:
            json = serialize(self._metadata) if self._json is None else self._json
            entered = Context(
                text=new_context_id() + json,
                metadata=MappingProxyType(self._metadata),
                late=self._late,
            )
        _current.set(entered)
        return entered

    def _leave(self) -> None:
        running = _current.get()
        # None where a generator is closed in another context than the one it ran in.
        _current.set(None if running is None else running.outside)

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
        """Return ``function`` so that each of its calls runs in a block of its own.

        Raises:
            TypeError: for a generator function or a class, whose body would run outside.
        """
        self._take_back()
        metadata = self._metadata
        if (
            isinstance(function, type)
            or inspect.isgeneratorfunction(function)
            or inspect.isasyncgenfunction(function)
        ):
            raise TypeError(
                f"{function!r} cannot be decorated with a context, because its body runs later than"
                " the call. Open a block inside it."
            )

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


def late_context(late: Late, /, **metadata: Any) -> context:
    """Return a :class:`context` whose ``late`` pairs are asked for with each statement.

    Entering it raises nothing, unless another block is entered before.

    Raises:
        ContextError: for what cannot be carried.
    """
    block = context(**metadata)
    block._late = late
    running = block._take_back()
    if running is not None:
        running.entered(metadata, late)
    elif block._json is not None:
        refuse_long(metadata, block._json, _longest(late))
    return block


def room_in_request() -> int:
    """Return how many bytes of JSON the block of a request may take, beside what is running."""
    running = current()
    used = 0 if running is None else len(running.text) - ID_LENGTH
    return CONTEXT_MAX_BYTES - LATE_MAX_BYTES - used


def new_context_id() -> str:
    """Return a UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, then random, so that ids sort by time.

    As text, because each request makes one and carries it so.
    """
    time = f"{time_ns() // 1_000_000:012x}"
    random = os.urandom(10).hex()
    variant = "89ab"[int(random[3], 16) & 3]
    return f"{time[:8]}-{time[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:19]}"
