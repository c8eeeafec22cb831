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
        return cls(metadata=metadata, text=serialize(metadata))


class Late(Protocol):
    """Finds metadata that is known only later than its block is entered: the user of a request."""

    keys: frozenset[str]
    """The keys that it may return; they take the place of those of the blocks outside."""

    def __call__(self, *, writing: bool) -> LateMetadata | None:
        """Return what is known by now; if ``writing``, go and find out. Raises nothing."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What is recorded with the events of a block: an id and the metadata."""

    id: UUID
    metadata: Mapping[str, Any]
    late: Late | None = field(default=None, repr=False, compare=False)
    text: str = field(repr=False, compare=False)
    """The context as it is carried: the id, then the JSON. Made once, not once a statement."""
    added_by: context | None = field(default=None, repr=False, compare=False)
    """The call that added to ``before``, as long as it may still turn out to be a block."""
    before: Context | None = field(default=None, repr=False, compare=False)

    def extended(
        self,
        metadata: Mapping[str, Any],
        late: Late | None = None,
        *,
        added_by: context | None = None,
    ) -> Context:
        """Return this context with more metadata; the id stays."""
        inherited = {
            key: value
            for key, value in self.metadata.items()
            if late is None or key not in late.keys
        }
        return make_context(
            {**inherited, **metadata},
            id=self.id,
            late=late or self.late,
            added_by=added_by,
            before=self if added_by is not None else None,
        )

    def carried(self, *, writing: bool) -> str:
        """Return the text that a statement carries now."""
        late = self.late(writing=writing) if self.late is not None else None
        if late is None:
            return self.text
        # What a block inside says wins.
        if late.metadata.keys() & self.metadata.keys():
            return make_context({**late.metadata, **self.metadata}, id=self.id).text
        own = self.text[ID_LENGTH + 1 :]
        return f"{self.id}{late.text[:-1]}{',' if own != '}' else ''}{own}"


def make_context(
    metadata: Mapping[str, Any],
    *,
    id: UUID | None = None,
    late: Late | None = None,
    json: str | None = None,
    **chain: Any,
) -> Context:
    """Return a context of ``metadata``, whose JSON is ``json`` where it was made already.

    Raises:
        ContextError: for a value that JSON or PostgreSQL cannot carry.
    """
    id = id or new_context_id()
    own = dict(metadata)
    return Context(
        id=id,
        metadata=MappingProxyType(own),
        late=late,
        text=f"{id}{serialize(own) if json is None else json}",
        **chain,
    )


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

    def __init__(self, /, **metadata: Any) -> None:
        self._metadata = metadata
        self._late: Late | None = None
        self._text: str | None = None
        running = _current.get()
        if running is None:
            self._text = serialize(metadata)
        else:
            # Called as a function, until it turns out to be a block or a decorator.
            _current.set(running.extended(metadata, added_by=self))

    def _take_back(self) -> None:
        """Take back what calling this added to the running context; what came after it stays."""
        later: list[context] = []
        found = _current.get()
        while found is not None and found.added_by is not None:
            if found.added_by is self:
                restored = found.before
                for call in reversed(later):
                    assert restored is not None
                    restored = restored.extended(call._metadata, added_by=call)
                _current.set(restored)
                return
            later.append(found.added_by)
            found = found.before

    def _enter(self) -> Context:
        self._take_back()
        running = _current.get()
        if running is None:
            entered = make_context(self._metadata, late=self._late, json=self._text)
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


def late_context(late: Late, **metadata: Any) -> context:
    """Return a :class:`context` whose ``late`` pairs are asked for with each statement."""
    block = context(**metadata)
    block._late = late
    return block
